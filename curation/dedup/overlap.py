"""How many distinct shingles two documents share, for many pairs at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from midmix.curation.dedup.shingles import Shingles
from midmix.jit import njit

# What stands for the count of a pair that meets neither bound.
APART = -1


@dataclass(frozen=True)
class Bounds:
    """Least Jaccard of near-duplicates, and least share of the smaller text in a longer one; None where not asked for."""

    jaccard: float
    containment: float | None = None

    @property
    def least_ratio(self) -> float:
        """The ratio of sizes below which texts meet neither bound, whatever they share."""
        return self.jaccard if self.containment is None else 0.0

    def least_shared(self, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The number of shared shingles below which texts of so many distinct ones meet neither bound, for certain."""
        least = np.ceil(self.jaccard / (1 + self.jaccard) * (one + other) - 1e-6)
        if self.containment is not None:
            least = np.minimum(least, np.ceil(self.containment * np.minimum(one, other) - 1e-6))
        return np.asarray(least, np.int64)


@njit
def count_shared(
    later: npt.NDArray[np.int64],
    earlier: npt.NDArray[np.int64],
    least: npt.NDArray[np.int64],
    later_offsets: npt.NDArray[np.int64],
    later_hashes: npt.NDArray[np.uint64],
    offsets: npt.NDArray[np.int64],
    hashes: npt.NDArray[np.uint64],
    out: npt.NDArray[np.int32],
) -> None:
    """out[i]: shingles that documents later[i] and earlier[i] share, APART as soon as they are fewer than least[i].

    Document d has hashes[offsets[d]:offsets[d + 1]], distinct and not 0; the later ones have arrays of their own. A
    later document's set is hashed once for a run of its pairs.
    """
    table = np.empty(16, np.uint64)
    mask = np.uint64(0)
    for i in range(later.size):
        mine, other = later[i], earlier[i]
        if i == 0 or later[i - 1] != mine:
            size = 16
            while size < 2 * (later_offsets[mine + 1] - later_offsets[mine]):
                size *= 2
            if size > table.size:
                table = np.empty(size, np.uint64)
            mask = np.uint64(size - 1)
            table[:size] = 0
            for k in range(later_offsets[mine], later_offsets[mine + 1]):
                slot = (later_hashes[k] >> np.uint64(20)) & mask
                while table[slot] != 0:
                    slot = (slot + np.uint64(1)) & mask
                table[slot] = later_hashes[k]
        misses_left = offsets[other + 1] - offsets[other] - least[i]
        for k in range(offsets[other], offsets[other + 1]):
            slot = (hashes[k] >> np.uint64(20)) & mask
            while table[slot] != 0 and table[slot] != hashes[k]:
                slot = (slot + np.uint64(1)) & mask
            if table[slot] == 0:
                misses_left -= 1
                if misses_left < 0:
                    break
        out[i] = APART if misses_left < 0 else misses_left + least[i]


def jaccard_of(
    shared: npt.NDArray[np.integer], one: npt.NDArray[np.integer], other: npt.NDArray[np.integer]
) -> npt.NDArray[np.float64]:
    """Jaccard of sets of these sizes that share so many; 0 where both are empty."""
    return np.asarray(shared / np.maximum(1, one.astype(np.int64) + other - shared))


def containment_of(
    shared: npt.NDArray[np.integer], one: npt.NDArray[np.integer], other: npt.NDArray[np.integer]
) -> npt.NDArray[np.float64]:
    """Share of the smaller of two sets that the other has."""
    return np.asarray(shared / np.maximum(1, np.minimum(one, other)))


def jaccards(sets: Shingles, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """True Jaccard of pairs int64 [n, 2] of documents of `sets`; 0 where both are empty."""
    later, earlier = np.ascontiguousarray(pairs.T)
    shared = np.empty(len(later), np.int32)
    both = (sets.offsets, sets.hashes)
    count_shared(later, earlier, np.zeros(len(later), np.int64), *both, *both, shared)
    sizes = np.diff(sets.offsets)
    return jaccard_of(shared, sizes[later], sizes[earlier])
