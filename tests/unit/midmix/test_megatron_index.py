"""The index file: its exact bytes, and equality with the writers of datatrove and megatron-core."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from midmix import megatron_index as megatron
from midmix.megatron_index import write_index


def test_bytes_of_a_tiny_index(tmp_path: Path) -> None:
    path = tmp_path / "x.idx"
    write_index(path, np.array([3, 1], np.int32), np.dtype("<u2"))
    assert path.read_bytes() == b"MMIDIDX\x00\x00" + struct.pack(
        "<QBQQ" + "ii" + "qq" + "qqq", 1, 8, 2, 3, 3, 1, 0, 6, 0, 1, 2
    )


@pytest.mark.parametrize(("dtype", "token_size"), [("<u2", 2), ("<u4", 4)])
def test_same_bytes_as_datatrove(tmp_path: Path, dtype: str, token_size: int) -> None:
    from datatrove.pipeline.tokens.megatron_tokenizer import MegatronTokenizedFile

    documents = [[1, 2, 3], [65535], [7] * 1000, [4, 5]]
    theirs = MegatronTokenizedFile(str(tmp_path), "theirs", token_size=token_size)
    for document in documents:
        theirs.write(document)
    theirs.close()
    write_index(tmp_path / "ours.idx", np.array([len(d) for d in documents], np.int32), np.dtype(dtype))
    assert (tmp_path / "ours.idx").read_bytes() == (tmp_path / "theirs.idx").read_bytes()
    tokens = np.array([token for document in documents for token in document], dtype)
    assert tokens.tobytes() == (tmp_path / "theirs.bin").read_bytes()


@pytest.mark.parametrize("dtype", ["<u2", "<u4"])
def test_same_bytes_as_megatron_core(tmp_path: Path, dtype: str) -> None:
    indexed = pytest.importorskip("megatron.core.datasets.indexed_dataset")
    torch = pytest.importorskip("torch")

    documents = [[1, 2, 3], [65535], [7] * 1000]
    theirs = np.uint16 if dtype == "<u2" else np.int32
    builder = indexed.IndexedDatasetBuilder(str(tmp_path / "theirs.bin"), dtype=theirs)
    for document in documents:
        builder.add_document(torch.tensor(document), [len(document)])
    builder.finalize(str(tmp_path / "theirs.idx"))
    write_index(tmp_path / "ours.idx", np.array([len(d) for d in documents], np.int32), np.dtype(dtype))
    assert (tmp_path / "ours.idx").read_bytes() == (tmp_path / "theirs.idx").read_bytes()


def test_other_dtypes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="int64"):
        write_index(tmp_path / "x.idx", np.array([1], np.int32), np.dtype("<i8"))


def test_blocks_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = np.arange(1, 8, dtype=np.int32)
    write_index(tmp_path / "whole.idx", lengths, np.dtype("<u4"))
    for block in (1, 3, 7):
        monkeypatch.setattr(megatron, "_BLOCK", block)
        write_index(tmp_path / "cut.idx", lengths, np.dtype("<u4"))
        assert (tmp_path / "cut.idx").read_bytes() == (tmp_path / "whole.idx").read_bytes()
