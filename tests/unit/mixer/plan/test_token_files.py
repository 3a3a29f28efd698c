"""Token files made before: documents and dtype as they are, and each mismatch with its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from midmix.config import parse_config
from midmix.errors import ConfigError, InputError
from midmix.megatron_index import write_index
from midmix.mixer.plan import token_files
from midmix.mixer.plan.models import Tokenizer
from midmix.mixer.plan.token_files import Given, open_token_files

TOKENS = np.array([5, 6, 0, 7, 0, 0, 8, 9, 9, 0])
LENGTHS = [3, 2, 1, 4]


def tokenizer(dtype: str = "uint16") -> Tokenizer:
    values = {"id": "t", "file_sha256": "a" * 64, "vocabulary_size": 10, "eos_id": 0, "dtype": dtype}
    return Tokenizer.model_validate(values | {"adds_eos_per_document": True, "adds_bos_per_document": False})


def given(folder: Path, tokenizer: Tokenizer, **changes: Any) -> list[Given]:
    files = {"path": "old*", "format": "olmo-core", "dtype": "uint16", "tokenizer_sha256": "a" * 64} | changes
    values = {"sources": {"crawl": {"path": "x.parquet", "kind": "prose"}}, "token_files": {"old": files}}
    return open_token_files(parse_config(values, base=folder), tokenizer)["old"]


@pytest.mark.parametrize("block", [1 << 24, 4])
@pytest.mark.parametrize(("stored", "dtype"), [("uint16", "uint16"), ("uint32", "int32")])
def test_documents_of_raw_files_end_with_the_end_of_text(
    tmp_path: Path, stored: str, dtype: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_files, "BLOCK", block)
    (tmp_path / "old-1.npy").write_bytes(TOKENS.astype(stored).tobytes())
    (tmp_path / "old-0.npy").write_bytes(TOKENS[:3].astype(stored).tobytes())
    first, second = given(tmp_path, tokenizer(dtype), dtype=stored)
    assert (first.lengths().tolist(), second.lengths().tolist()) == ([3], LENGTHS)


def test_documents_of_indexed_files_are_those_of_the_index(tmp_path: Path) -> None:
    (tmp_path / "old.bin").write_bytes(TOKENS.astype("uint16").tobytes())
    with pytest.raises(InputError, match=r"no index old\.idx beside it"):
        given(tmp_path, tokenizer(), format="megatron")
    write_index(tmp_path / "old.idx", np.array(LENGTHS), "uint16")
    (file,) = given(tmp_path, tokenizer(), format="megatron")
    assert file.lengths().tolist() == LENGTHS


def test_other_tokenizers_dtypes_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no \.npy file at"):
        given(tmp_path, tokenizer())
    path = tmp_path / "old.npy"
    path.write_bytes(TOKENS.astype("uint16").tobytes())
    with pytest.raises(ConfigError, match=r"unknown tokenizer, sha256 bbbbbbbbbbbbbbbb; tokenizers\.main is t"):
        given(tmp_path, tokenizer(), tokenizer_sha256="b" * 64)
    with pytest.raises(ConfigError, match="holds uint32, a tokenizer of 10 ids has uint16"):
        given(tmp_path, tokenizer(), dtype="uint32")
    np.save(path, TOKENS.astype("uint16"))
    with pytest.raises(InputError, match="has a NumPy header"):
        given(tmp_path, tokenizer())
    path.write_bytes(TOKENS[:-1].astype("uint16").tobytes())
    with pytest.raises(InputError, match="ends with id 9, expected the end-of-text id 0"):
        given(tmp_path, tokenizer())
    path.write_bytes(b"")
    with pytest.raises(InputError, match="0 bytes are no whole number"):
        given(tmp_path, tokenizer())
