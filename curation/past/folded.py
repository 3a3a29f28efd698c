"""Shingles in 32 bits, as an index keeps them: the high half of each hash, distinct within a document.

Two different shingles of a pair of documents of a thousand each share a half with probability about 1/4000, which
moves their Jaccard by a thousandth; both sides are folded alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from midmix.curation.dedup.radix import sorted_distinct
from midmix.curation.dedup.shingles import Shingles

_HALF = np.uint64(32)
# `count_shared` puts hashes by the bits from here on.
_TABLE_SHIFT = np.uint64(20)


@dataclass(frozen=True)
class Folded:
    """Document i has values[offsets[i]:offsets[i + 1]]: uint32, ascending, never 0; offsets int64 [n + 1]."""

    offsets: npt.NDArray[np.int64]
    values: npt.NDArray[np.uint32]

    @property
    def spread(self) -> npt.NDArray[np.uint64]:
        """The values as `count_shared` takes them."""
        return self.values.astype(np.uint64) << _TABLE_SHIFT

    def take(self, rows: npt.NDArray[np.int64]) -> Folded:
        """Some of the documents."""
        starts, sizes = self.offsets[rows], np.diff(self.offsets)[rows]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        return Folded(offsets, self.values[np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], sizes)])

    def write(self, path: Path) -> None:
        """Write the number of documents and the offsets as int64, then the values."""
        with path.open("wb") as stream:
            for words in (np.array([len(self.offsets) - 1]), self.offsets, self.values):
                words.tofile(stream)

    @staticmethod
    def read(path: Path) -> Folded:
        """What `write` wrote, mapped."""
        data = np.memmap(path, np.uint8, "r")
        ends = 8 * (int(data[:8].view(np.int64)[0]) + 2)
        return Folded(np.asarray(data[8:ends].view(np.int64)), np.asarray(data[ends:].view(np.uint32)))

    @staticmethod
    def concat(blocks: list[Folded]) -> Folded:
        """Documents one block after the other."""
        sizes = [np.diff(block.offsets) for block in blocks]
        offsets = np.cumsum(np.concatenate([np.zeros(1, np.int64), *sizes]))
        return Folded(offsets, np.concatenate([np.zeros(0, np.uint32), *(block.values for block in blocks)]))


def fold(shingles: Shingles) -> Folded:
    """The same sets in 32 bits."""
    count = len(shingles.offsets) - 1
    halves = np.maximum(shingles.hashes >> _HALF, np.uint64(1)).astype(np.int64)
    documents = np.repeat(np.arange(count), np.diff(shingles.offsets))
    distinct = sorted_distinct(documents << 32 | halves)
    return Folded(np.searchsorted(distinct, np.arange(count + 1) << 32), distinct.astype(np.uint32))
