"""Passages of one range of hashes that several documents have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.tables import HASH


@dataclass(frozen=True)
class Groups:
    """Rows of equal hashes, in the order of (hash, check, document, start).

    rows: int64 [n], their places in what was grouped; firsts: int64 [n], place in `rows` of the first of each's group;
    documents: int64 [n], documents of the group.
    """

    rows: npt.NDArray[np.int64]
    firsts: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int64]


def find_groups(rows: pa.Table, min_documents: int) -> Groups:
    """Groups of rows (hash, check, doc, start_byte, …) that at least so many documents have, two of one counted once."""
    names = ("hash", "check", "doc", "start_byte")
    hashes, checks, docs, starts = (rows.column(name).to_numpy() for name in names)
    order = np.lexsort((starts, docs, checks, hashes))
    opens = _changes(hashes[order], checks[order])
    new_document = opens | _changes(docs[order])
    group = np.cumsum(opens) - 1
    documents = np.bincount(group, weights=new_document, minlength=1).astype(np.int64)[group] if len(order) else group
    shared = documents >= min_documents
    kept_opens = np.flatnonzero(opens[shared])
    firsts = kept_opens[np.cumsum(opens[shared]) - 1] if shared.any() else kept_opens
    return Groups(order[shared], firsts, documents[shared])


def _changes(*columns: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """Whether each row differs from the one before it in any column."""
    out = np.ones(len(columns[0]), np.bool_)
    if len(out):
        out[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return out


def passage_ids(hashes: npt.NDArray[np.int64], checks: npt.NDArray[np.int64]) -> pa.FixedSizeBinaryArray:
    """128-bit names that sort like (hash, check): both as big-endian numbers, the lowest first."""
    lowest = np.uint64(1 << 63)
    halves = np.stack([hashes.view(np.uint64) ^ lowest, checks.view(np.uint64) ^ lowest], axis=1)
    return pa.FixedSizeBinaryArray.from_buffers(HASH, len(hashes), [None, pa.py_buffer(halves.astype(">u8").tobytes())])
