"""Reader of Megatron's `.idx`: what token files hold, checked against the `.bin` beside them."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from midmix.errors import InputError
from midmix.mixer.simplex import I64

MAGIC = b"MMIDIDX\x00\x00"
HEAD = struct.Struct("<9sQBQQ")
DTYPES = {8: "uint16", 4: "int32"}


@dataclass(frozen=True)
class Index:
    """Header and sums of one `.idx`. `dtype` is that of the `.bin`: uint16, or int32 (ids below 2^31)."""

    dtype: str
    documents: int
    tokens: int


def read_index(path: Path, bin_path: Path) -> Index:
    """What the index at `path` says of the token file `bin_path`.

    Layout: magic (9 bytes), u64 version, u8 dtype code, u64 sequences, u64 documents + 1, i32 lengths, i64 offsets,
    i64 document index. Raises InputError when it is another file, is cut off, or does not fit the `.bin`.
    Source: megatron/core/datasets/indexed_dataset.py of megatron-core 0.16.1.
    """
    with path.open("rb") as stream:
        head = stream.read(HEAD.size)
        if len(head) < HEAD.size or HEAD.unpack(head)[0] != MAGIC:
            raise InputError(f"{path}: got no Megatron index (magic {head[:9]!r}). Run the step tokenize again.")
        _, version, code, sequences, entries = HEAD.unpack(head)
        if version != 1 or code not in DTYPES:
            raise InputError(f"{path}: index version {version}, dtype code {code}; expected version 1, code 8 or 4")
        lengths = np.fromfile(stream, dtype="<i4", count=sequences)
    expected = HEAD.size + sequences * 12 + entries * 8
    if len(lengths) != sequences or path.stat().st_size != expected:
        raise InputError(f"{path}: {path.stat().st_size} bytes, {expected} were expected: cut off. Run tokenize again.")
    tokens = int(lengths.sum(dtype=np.int64))
    num_bytes = bin_path.stat().st_size
    if tokens * np.dtype(DTYPES[code]).itemsize != num_bytes:
        raise InputError(f"{bin_path}: {num_bytes} bytes, but {path.name} lists {tokens} tokens of {DTYPES[code]}")
    return Index(DTYPES[code], sequences, tokens)


def read_lengths(path: Path) -> I64:
    """Tokens of every document in an index that `read_index` has checked, int64[documents]."""
    with path.open("rb") as stream:
        _, _, _, sequences, _ = HEAD.unpack(stream.read(HEAD.size))
        return np.fromfile(stream, dtype="<i4", count=sequences).astype(np.int64)


def write_index(path: Path, lengths: I64, dtype: str) -> None:
    """Write the index of a `.bin` that holds documents of `lengths` tokens end to end, as `read_index` reads it."""
    item_bytes = np.dtype(dtype).itemsize
    code = next(code for code, name in DTYPES.items() if name == dtype)
    with path.open("wb") as stream:
        stream.write(HEAD.pack(MAGIC, 1, code, len(lengths), len(lengths) + 1))
        stream.write(lengths.astype("<i4").tobytes())
        stream.write(((np.cumsum(lengths) - lengths) * item_bytes).astype("<i8").tobytes())
        stream.write(np.arange(len(lengths) + 1, dtype="<i8").tobytes())


def last_token(bin_path: Path, dtype: str) -> int:
    """The last token id of a token file: the end-of-text id where every document ends with one."""
    item = np.dtype(dtype).newbyteorder("<")
    with bin_path.open("rb") as stream:
        stream.seek(-item.itemsize, os.SEEK_END)
        return int(np.frombuffer(stream.read(item.itemsize), dtype=item)[0])
