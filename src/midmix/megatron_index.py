"""The index of a Megatron token file. The `.bin` beside it is the raw little-endian token ids, without a header."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

MAGIC = b"MMIDIDX\x00\x00"
VERSION = 1
# Documents whose numbers are made at a time.
_BLOCK = 1 << 18
# Megatron knows no unsigned 32-bit ids: files of ids below 2^31 are the same bytes as int32.
DTYPE_CODES: dict[np.dtype[np.generic], int] = {np.dtype("<u2"): 8, np.dtype("<u4"): 4, np.dtype("<i4"): 4}


def write_index(path: Path, lengths: npt.NDArray[np.integer], dtype: npt.DTypeLike) -> None:
    """Write the `.idx` of a token file that holds documents of `lengths` tokens (each below 2^31) one after the other.

    Layout: magic (9 bytes), u64 version, u8 dtype code, u64 sequences, u64 documents + 1, i32 length[n],
    i64 byte offset[n], i64 document index[n + 1]. Every document is one sequence.
    Source: `_IndexWriter` of megatron/core/datasets/indexed_dataset.py; the bytes are the same.
    """
    item = np.dtype(dtype)
    if item not in DTYPE_CODES:
        raise ValueError(f"got token dtype {dtype}, expected little-endian uint16, uint32 or int32")
    num_documents = len(lengths)
    blocks = [slice(first, first + _BLOCK) for first in range(0, num_documents, _BLOCK)]
    with path.open("wb") as stream:
        stream.write(MAGIC)
        stream.write(struct.pack("<QBQQ", VERSION, DTYPE_CODES[item], num_documents, num_documents + 1))
        for block in blocks:
            stream.write(lengths[block].astype("<i4").tobytes())
        tokens = 0
        for block in blocks:
            ends = tokens + np.cumsum(lengths[block], dtype="<i8")
            stream.write(((ends - lengths[block]) * item.itemsize).tobytes())
            tokens = int(ends[-1])
        for first in range(0, num_documents + 1, _BLOCK):
            stream.write(np.arange(first, min(first + _BLOCK, num_documents + 1), dtype="<i8").tobytes())
