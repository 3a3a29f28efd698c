"""Domains that enter as token files made before: what they hold, checked, and their way into the run."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from midmix.config import Config, TokenFiles
from midmix.errors import ConfigError, InputError
from midmix.mixer.plan.indexed import last_token, read_index, read_lengths
from midmix.mixer.plan.models import Tokenizer
from midmix.mixer.simplex import I64

# What the config calls a dtype and what the plan calls it: ids are below 2^31, so both 32-bit ones are the same bytes.
PLAN_DTYPES = {"uint16": "uint16", "uint32": "int32", "int32": "int32"}
SUFFIXES = {"megatron": ".bin", "olmo-core": ".npy"}
# Tokens read at a time when documents are looked for.
BLOCK = 1 << 24


@dataclass(frozen=True)
class Given:
    """One token file of such a domain. `index` is None where the format has none."""

    tokens_path: Path
    index: Path | None
    dtype: str
    end_of_text: int

    def lengths(self) -> I64:
        """Tokens of every document, int64[documents], its end-of-text id included."""
        if self.index is not None:
            return read_lengths(self.index)
        tokens = np.memmap(self.tokens_path, dtype=np.dtype(self.dtype).newbyteorder("<"), mode="r")
        ends = [
            first + np.flatnonzero(tokens[first : first + BLOCK] == self.end_of_text)
            for first in range(0, len(tokens), BLOCK)
        ]
        return np.diff(np.concatenate(ends), prepend=-1).astype(np.int64)


def open_token_files(config: Config, tokenizer: Tokenizer) -> dict[str, list[Given]]:
    """The files of every domain of `token_files`, in order of their names. Raises ConfigError, InputError."""
    return {name: _open(name, section, config, tokenizer) for name, section in config.token_files.items()}


def identities(given: Mapping[str, list[Given]]) -> dict[str, str]:
    """What plan depends on of each file: its size and when it was written last."""
    stats = {str(g.tokens_path): g.tokens_path.stat() for files in given.values() for g in files}
    return {path: f"{stat.st_size}-{stat.st_mtime_ns}" for path, stat in stats.items()}


def _open(name: str, section: TokenFiles, config: Config, tokenizer: Tokenizer) -> list[Given]:
    where = f"token_files.{name}"
    if section.tokenizer_sha256 != tokenizer.file_sha256:
        raise ConfigError(
            f"{where}: made with an unknown tokenizer, sha256 {section.tokenizer_sha256[:16]}; tokenizers.main is "
            f"{tokenizer.id}, sha256 {tokenizer.file_sha256[:16]}. Tokenize its text again, or name its tokenizer as main"
        )
    if PLAN_DTYPES[section.dtype] != tokenizer.dtype:
        raise ConfigError(
            f"{where}: holds {section.dtype}, a tokenizer of {tokenizer.vocabulary_size} ids has {tokenizer.dtype}"
        )
    suffix = SUFFIXES[section.format]
    paths = sorted(Path(p) for p in glob.glob(config.resolve(section.path)) if p.endswith(suffix))
    if not paths:
        raise ConfigError(f"{where}: no {suffix} file at {config.resolve(section.path)}")
    return [_check(path, section, tokenizer) for path in paths]


def _check(path: Path, section: TokenFiles, tokenizer: Tokenizer) -> Given:
    index = path.with_suffix(".idx") if section.format == "megatron" else None
    item = np.dtype(section.dtype).itemsize
    num_bytes = path.stat().st_size
    if not num_bytes or num_bytes % item:
        raise InputError(f"{path}: {num_bytes} bytes are no whole number of {section.dtype} ids, of {item} bytes each")
    if index is not None:
        if not index.is_file():
            raise InputError(f"{path}: no index {index.name} beside it")
        found = read_index(index, path)
        if found.dtype != tokenizer.dtype:
            raise InputError(f"{path}: its index says {found.dtype}, the tokenizer has {tokenizer.dtype}")
    elif _has_numpy_header(path):
        raise InputError(f"{path}: has a NumPy header; OLMo-core's .npy are raw ids. Write them with numpy.memmap")
    last = last_token(path, section.dtype)
    if last != tokenizer.eos_id:
        raise InputError(f"{path}: ends with id {last}, expected the end-of-text id {tokenizer.eos_id}")
    return Given(path, index, section.dtype, tokenizer.eos_id)


def _has_numpy_header(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(6) == b"\x93NUMPY"
