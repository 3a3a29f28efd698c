"""A set of 64-bit values that answers `no` or `perhaps` with one look into memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from midmix.jit import njit

_BITS_PER_VALUE = 16


@njit(inline="always")
def filter_block(value, blocks):  # type: ignore[no-untyped-def]
    """The block that holds a value."""
    return (value >> np.uint64(20)) & np.uint64(blocks - 1)


@njit(inline="always")
def filter_bits(value):  # type: ignore[no-untyped-def]
    """The bits of its block that a value sets; about 1% of absent values pass."""
    one = np.uint64(1)
    six = np.uint64(63)
    return one << (value & six) | one << (value >> np.uint64(6) & six) | one << (value >> np.uint64(12) & six)


@njit
def _fill(values, blocks):  # type: ignore[no-untyped-def]
    out = np.zeros(blocks, np.uint64)
    for value in values:
        out[filter_block(value, blocks)] |= filter_bits(value)
    return out


def bit_filter(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The set of `values` as uint64 [blocks], a power of two: each value sets up to three bits of one block."""
    blocks = 1 << max(10, (len(values) * _BITS_PER_VALUE // 64).bit_length())
    return np.asarray(_fill(values, blocks))
