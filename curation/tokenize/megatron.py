"""The index of a Megatron token file. The `.bin` beside it is the raw little-endian token ids, without a header."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

MAGIC = b"MMIDIDX\x00\x00"
VERSION = 1
# Megatron knows no unsigned 32-bit ids: files of ids below 2^31 are the same bytes as int32.
DTYPE_CODES: dict[np.dtype[np.generic], int] = {np.dtype("<u2"): 8, np.dtype("<u4"): 4}


def write_index(path: Path, lengths: np.ndarray[tuple[int], np.dtype[np.int32]], dtype: np.dtype[np.generic]) -> None:
    """Write the `.idx` of a token file that holds documents of `lengths` tokens (int32[n]) one after the other.

    Layout: magic (9 bytes), u64 version, u8 dtype code, u64 sequences, u64 documents + 1, i32 length[n],
    i64 byte offset[n], i64 document index[n + 1]. Every document is one sequence.
    Source: `_IndexWriter` of megatron/core/datasets/indexed_dataset.py; the bytes are the same.
    """
    if dtype not in DTYPE_CODES:
        raise ValueError(f"got token dtype {dtype}, expected little-endian uint16 or uint32")
    num_documents = len(lengths)
    offsets = np.zeros(num_documents, dtype="<i8")
    np.cumsum(lengths[:-1], dtype=np.int64, out=offsets[1:])
    with path.open("wb") as stream:
        stream.write(MAGIC)
        stream.write(struct.pack("<QBQQ", VERSION, DTYPE_CODES[dtype], num_documents, num_documents + 1))
        stream.write(lengths.astype("<i4").tobytes())
        stream.write((offsets * dtype.itemsize).tobytes())
        stream.write(np.arange(num_documents + 1, dtype="<i8").tobytes())
