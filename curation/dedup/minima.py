"""MinHash: the minima of permutations over a document's shingles, and the band hashes made of them.

Two kinds of permutations: of the upper 32 bits of a shingle's hash, a * x + b modulo 2^32 with odd a; and datatrove's,
((a * x + b) modulo 2^64) modulo 2^61 - 1 (datatrove 0.10.1, pipeline/dedup/minhash.py), bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.random import RandomState

from midmix.curation.dedup.hashes import mix64
from midmix.curation.dedup.vectors import LANES_32, LANES_61, MERSENNE, minima_32, minima_61, quick_minima_61
from midmix.curation.score.words.memory import get32, get64, put32, put64
from midmix.jit import njit

FACTOR = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Permutations:
    """Multipliers and addends of `count` permutations and of some more that fill a vector; uint32, or uint64 if wide."""

    count: int
    wide: bool
    multipliers: npt.NDArray[np.unsignedinteger]
    addends: npt.NDArray[np.unsignedinteger]


def _filled(numbers: npt.NDArray[np.unsignedinteger], lanes: int) -> npt.NDArray[np.unsignedinteger]:
    return np.concatenate([numbers, np.ones(-len(numbers) % lanes, numbers.dtype)])


def narrow_permutations(count: int, seed: int) -> Permutations:
    """Our own, of 32 bits."""
    rng = np.random.default_rng(seed)
    multipliers = rng.integers(0, 2**31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    addends = rng.integers(0, 2**32, count, dtype=np.uint32)
    return Permutations(count, False, _filled(multipliers, LANES_32), _filled(addends, LANES_32))


def wide_permutations(count: int, seed: int) -> Permutations:
    """datatrove's."""
    rng = RandomState(seed)
    multipliers = rng.randint(1, MERSENNE, dtype=np.uint64, size=count)
    addends = rng.randint(0, MERSENNE, dtype=np.uint64, size=count)
    return Permutations(count, True, _filled(multipliers, LANES_61), _filled(addends, LANES_61))


@njit
def put_minima(hashes, count, multipliers, addends, permutations, wide, narrowed, out):  # type: ignore[no-untyped-def]
    """Fill the minima over uint64 hashes, at least one: uint64 if wide, else uint32; `narrowed` has room for uint32 of all."""
    if wide:
        for first in range(0, permutations, LANES_61):
            factors, terms, to = multipliers + 8 * first, addends + 8 * first, out + 8 * first
            if quick_minima_61(hashes, count, factors, terms, to):
                minima_61(hashes, count, factors, terms, to)
        return
    for index in range(count):
        put32(narrowed, index, get32(hashes, 2 * index + 1))
    for first in range(0, permutations, LANES_32):
        minima_32(narrowed, count, multipliers + 4 * first, addends + 4 * first, out + 4 * first)


@njit
def put_bands(minima, bands, rows, wide, out):  # type: ignore[no-untyped-def]
    """Fill the bands, int64: each a hash of its number and its minima."""
    for band in range(bands):
        value = mix64(np.uint64(band) + np.uint64(1))
        for place in range(band * rows, (band + 1) * rows):
            least = get64(minima, place) if wide else get32(minima, place)
            value = (value + np.uint64(least)) * np.uint64(FACTOR)
        put64(out, band, np.int64(mix64(value)))
