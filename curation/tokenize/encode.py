"""Hugging Face tokenizer folders, and text to token ids with them.

Ids are those of the folder's `tokenizer.json` with no special token added and none recognised in the text: what
looks like one in a document is encoded as the characters that it is. The end-of-text id follows every document.
They come from the kernels of `bpe` where those cover the tokenizer and a test at load finds no difference, and from
the library itself otherwise: for the whole tokenizer, or for single documents.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from midmix.config import Config
from midmix.disk import sha256_of
from midmix.errors import ConfigError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from midmix.curation.tokenize.bpe.encoder import Encoder

# Bytes of text per call of the tokenizer: bounds the Encoding objects, which weigh some 100 bytes per token.
BATCH_BYTES = 1 << 18
# Bytes of text per call of the kernels: text and ids stay in the second level of cache or near it.
KERNEL_BATCH_BYTES = 1 << 20
_END_OF_TEXT_FILES = ("tokenizer_config.json", "special_tokens_map.json", "generation_config.json", "config.json")


@dataclass(frozen=True)
class TokenizerFolder:
    """A tokenizer by what its ids depend on."""

    path: str
    sha256: str
    end_of_text_id: int
    num_ids: int

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Little-endian dtype of stored ids: uint16 up to 65,536 ids, else uint32."""
        return np.dtype("<u2" if self.num_ids <= 1 << 16 else "<u4")

    def settings(self) -> dict[str, str | int]:
        """What tokens depend on, as JSON; the folder's place is no part of it."""
        return {"sha256": self.sha256, "end_of_text_id": self.end_of_text_id, "dtype": self.dtype.str}


def open_folders(config: Config) -> dict[str, TokenizerFolder]:
    """The config's tokenizers by name. Raises ConfigError as `open_folder`, and where there are none."""
    paths = config.require("tokenizers", "tokenize")
    return {name: open_folder(name, config.resolve(path)) for name, path in paths.items()}


def open_folder(name: str, path: str) -> TokenizerFolder:
    """The tokenizer in the folder `path`. Raises ConfigError when it cannot be read or names no end-of-text token."""
    file = Path(path) / "tokenizer.json"
    if not file.is_file():
        raise ConfigError(
            f"config: 'tokenizers.{name}': no file {file}; expected a Hugging Face tokenizer folder that has it. "
            f"`AutoTokenizer.from_pretrained(...).save_pretrained(folder)` writes one."
        )
    sha256 = sha256_of(file)
    vocabulary = _load(str(file), sha256).get_vocab(with_added_tokens=True)
    end_of_text = _end_of_text(name, Path(path), vocabulary)
    num_ids = max(vocabulary.values()) + 1
    if not 0 <= end_of_text < num_ids:
        raise ConfigError(
            f"config: 'tokenizers.{name}': end-of-text id {end_of_text} is not below the {num_ids} ids of {file}"
        )
    return TokenizerFolder(path, sha256, end_of_text, num_ids)


@cache
def _load(file: str, sha256: str) -> Tokenizer:
    """The tokenizer in `file`; the hash is there so that a changed file is read again."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(file)
    except Exception as error:  # the library raises plain Exception on any malformed file
        raise ConfigError(f"{file}: no readable tokenizer ({error}); save it again with save_pretrained") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


def _read_json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: no readable JSON ({error})") from None
    return value if isinstance(value, dict) else {}


def _end_of_text(name: str, folder: Path, vocabulary: dict[str, int]) -> int:
    for file in _END_OF_TEXT_FILES:
        value = _read_json(folder / file)
        token = value.get("eos_token")
        content = token.get("content") if isinstance(token, dict) else token
        if isinstance(content, str):
            if content not in vocabulary:
                raise ConfigError(
                    f"config: 'tokenizers.{name}': {folder / file} names the end-of-text token {content!r}, "
                    f"which {folder / 'tokenizer.json'} does not have; save both from one tokenizer"
                )
            return vocabulary[content]
        number = value.get("eos_token_id")
        first = number[0] if isinstance(number, list) and number else number
        if isinstance(first, int):
            return first
    raise ConfigError(
        f"config: 'tokenizers.{name}': {folder} names no end-of-text token; "
        f'add "eos_token" to its tokenizer_config.json (read were {", ".join(_END_OF_TEXT_FILES)})'
    )


def token_id(folder: TokenizerFolder, token: str) -> int | None:
    """The id of a token of the tokenizer by its text, None where it has none."""
    return _load(str(Path(folder.path) / "tokenizer.json"), folder.sha256).token_to_id(token)


def line_feed_id(folder: TokenizerFolder) -> int | None:
    """The id of a line feed, None where it takes several or none."""
    tokenizer = _load(str(Path(folder.path) / "tokenizer.json"), folder.sha256)
    ids = tokenizer.encode("\n", add_special_tokens=False).ids
    return int(ids[0]) if len(ids) == 1 else None


@cache
def _kernels(file: str, sha256: str) -> Encoder | str:
    """The encoder that stands in for the tokenizer in `file`, or why none does."""
    from midmix.curation.tokenize.bpe.encoder import Encoder
    from midmix.curation.tokenize.bpe.pattern import NotCovered
    from midmix.curation.tokenize.bpe.selftest import difference

    tokenizer = _load(file, sha256)
    try:
        encoder = Encoder(json.loads(tokenizer.to_str()))
    except NotCovered as error:
        return str(error)
    text = difference(encoder, tokenizer)
    return encoder if text is None else f"the kernels' ids of {text!r} differ from its own"


def why_slow(folder: TokenizerFolder) -> str | None:
    """Why the library itself encodes all documents, at a twentieth of the kernels' speed; None where it does not."""
    found = _kernels(str(Path(folder.path) / "tokenizer.json"), folder.sha256)
    return found if isinstance(found, str) else None


def batches(texts: pa.LargeStringArray, num_bytes: int) -> Iterator[pa.LargeStringArray]:
    """Slices of at most `num_bytes` of text, and of at least one document."""
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    start = 0
    while start < len(texts):
        stop = int(np.searchsorted(offsets, offsets[start] + num_bytes, side="right")) - 1
        stop = max(stop, start + 1)
        yield texts.slice(start, stop - start)
        start = stop


def encode(folder: TokenizerFolder, texts: pa.LargeStringArray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of (token ids of whole documents, end-of-text included; int32 tokens per document), in order.

    `texts` has no NULL. Memory is bounded by KERNEL_BATCH_BYTES of text, or by the largest document.
    """
    file = str(Path(folder.path) / "tokenizer.json")
    tokenizer, kernels = _load(file, folder.sha256), _kernels(file, folder.sha256)
    if isinstance(kernels, str):
        yield from _encode_slowly(tokenizer, folder, texts)
        return
    for batch in batches(texts, KERNEL_BATCH_BYTES):
        reserved = kernels.reserved(batch)
        cuts = [0, *(np.flatnonzero(np.diff(reserved)) + 1).tolist(), len(batch)]
        for start, stop in pairwise(cuts):
            run = batch.slice(start, stop - start)
            if reserved[start]:
                yield from _encode_slowly(tokenizer, folder, run)
            else:
                yield kernels.encode(run, folder.end_of_text_id, folder.dtype)


def _encode_slowly(
    tokenizer: Tokenizer, folder: TokenizerFolder, texts: pa.LargeStringArray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for batch in batches(texts, BATCH_BYTES):
        ids: list[int] = []
        ends = []
        for encoding in tokenizer.encode_batch_fast(batch.to_pylist(), add_special_tokens=False):
            ids += encoding.ids
            ids.append(folder.end_of_text_id)
            ends.append(len(ids))
        yield np.array(ids, dtype=folder.dtype), np.diff(ends, prepend=0).astype(np.int32)
