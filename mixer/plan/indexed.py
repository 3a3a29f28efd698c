"""Reader of Megatron's `.idx`: what token files hold, checked against the `.bin` beside them."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from midmix.errors import InputError
from midmix.megatron_index import MAGIC
from midmix.mixer.simplex import I64

HEAD = struct.Struct("<9sQBQQ")
DTYPES = {8: "uint16", 4: "int32"}


@dataclass(frozen=True)
class Index:
    """Header and sums of one `.idx`. `dtype` is that of the `.bin`: uint16, or int32 (ids below 2^31)."""

    dtype: str
    documents: int
    tokens: int


def read_index(path: Path, bin_path: Path) -> Index:
    """What the index at `path` says of the token file `bin_path`. Raises InputError when it does not fit the `.bin`."""
    dtype, lengths = _read(path)
    tokens = int(lengths.sum(dtype=np.int64))
    num_bytes = bin_path.stat().st_size
    if tokens * np.dtype(dtype).itemsize != num_bytes:
        raise InputError(f"{bin_path}: {num_bytes} bytes, but {path.name} lists {tokens} tokens of {dtype}")
    return Index(dtype, len(lengths), tokens)


def read_lengths(path: Path) -> I64:
    """Tokens of every document in an index, int64[documents]. Raises InputError when it is another file, or cut off."""
    return _read(path)[1].astype(np.int64)


def index_bytes(documents: int) -> int:
    """Size of the index of so many documents."""
    return HEAD.size + documents * 12 + (documents + 1) * 8


def _read(path: Path) -> tuple[str, npt.NDArray[np.int32]]:
    """The dtype of the `.bin`, and the tokens of every document.

    Layout: magic (9 bytes), u64 version, u8 dtype code, u64 sequences, u64 documents + 1, i32 lengths, i64 offsets,
    i64 document index. Source: megatron/core/datasets/indexed_dataset.py of megatron-core 0.16.1.
    """
    with path.open("rb") as stream:
        head = stream.read(HEAD.size)
        if len(head) < HEAD.size or HEAD.unpack(head)[0] != MAGIC:
            raise InputError(f"{path}: got no Megatron index (magic {head[:9]!r}). Run the step tokenize again.")
        _, version, code, sequences, entries = HEAD.unpack(head)
        if version != 1 or code not in DTYPES:
            raise InputError(f"{path}: index version {version}, dtype code {code}; expected version 1, code 8 or 4")
        lengths = np.fromfile(stream, dtype="<i4", count=sequences)
        num_bytes = os.fstat(stream.fileno()).st_size
    expected = HEAD.size + sequences * 12 + entries * 8
    if len(lengths) != sequences or num_bytes != expected:
        raise InputError(f"{path}: {num_bytes} bytes, {expected} were expected: cut off. Run tokenize again.")
    return DTYPES[code], lengths


def last_token(bin_path: Path, dtype: str) -> int:
    """The last token id of a token file: the end-of-text id where every document ends with one."""
    item = np.dtype(dtype).newbyteorder("<")
    with bin_path.open("rb") as stream:
        stream.seek(-item.itemsize, os.SEEK_END)
        return int(np.frombuffer(stream.read(item.itemsize), dtype=item)[0])
