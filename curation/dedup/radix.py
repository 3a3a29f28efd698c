"""Sorting whole numbers digit by digit: several times as fast as comparing them, and stable."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from midmix.jit import njit

_DIGIT = 11
_MOST_BITS = 62


def sort_keys(keys: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(order, keys in that order); equal keys keep theirs."""
    count = len(keys)
    least, bits = _extent(keys)
    if bits > _MOST_BITS:
        order = np.argsort(keys, kind="stable")
        return order, keys[order]
    ordered, spare = np.subtract(keys, least), np.empty(count, np.int64)
    order, spare_order = np.arange(count), np.empty(count, np.int64)
    for shift in range(0, bits, _DIGIT):
        if _sort_digit(ordered, order, spare, spare_order, shift):
            ordered, spare, order, spare_order = spare, ordered, spare_order, order
    ordered += least
    return order, ordered


def sorted_distinct(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The distinct of numbers, ascending."""
    least, bits = _extent(values)
    if bits > _MOST_BITS:
        return np.unique(values)
    ordered, spare = np.subtract(values, least), np.empty(len(values), np.int64)
    for shift in range(0, bits, _DIGIT):
        if _sort_values(ordered, spare, shift):
            ordered, spare = spare, ordered
    kept = _drop_repeats(ordered)
    ordered[:kept] += least
    return ordered[:kept].copy() if kept < len(ordered) else ordered


def number_distinct(values: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(the distinct of numbers, ascending; for each number its place among them)."""
    order, ordered = sort_keys(values)
    opens = np.ones(len(ordered), np.bool_)
    opens[1:] = ordered[1:] != ordered[:-1]
    places = np.empty(len(ordered), np.int64)
    places[order] = np.cumsum(opens) - 1
    return ordered[opens], places


def _extent(values: npt.NDArray[np.int64]) -> tuple[np.int64, int]:
    """(the least, bits of the difference to the greatest)."""
    if not len(values):
        return np.int64(0), 0
    least, most = values.min(), values.max()
    return least, (int(most) - int(least)).bit_length()


@njit
def _starts(values: npt.NDArray[np.int64], shift: int) -> Any:
    """(where numbers of each digit begin, whether there are several digits)."""
    starts = np.zeros((1 << _DIGIT) + 1, np.int64)
    mask = np.int64((1 << _DIGIT) - 1)
    for i in range(values.size):
        starts[((values[i] >> shift) & mask) + 1] += 1
    most = starts.max()
    for digit in range(1 << _DIGIT):
        starts[digit + 1] += starts[digit]
    return starts, most < values.size


@njit
def _sort_digit(
    values: npt.NDArray[np.int64],
    order: npt.NDArray[np.int64],
    out: npt.NDArray[np.int64],
    out_order: npt.NDArray[np.int64],
    shift: int,
) -> bool:
    """Write the numbers by one digit, and their order; False, and nothing, where all have the same."""
    starts, several = _starts(values, shift)
    if not several:
        return False
    mask = np.int64((1 << _DIGIT) - 1)
    for i in range(values.size):
        digit = (values[i] >> shift) & mask
        at = starts[digit]
        starts[digit] = at + 1
        out[at] = values[i]
        out_order[at] = order[i]
    return True


@njit
def _sort_values(values: npt.NDArray[np.int64], out: npt.NDArray[np.int64], shift: int) -> bool:
    """The same without the order."""
    starts, several = _starts(values, shift)
    if not several:
        return False
    mask = np.int64((1 << _DIGIT) - 1)
    for i in range(values.size):
        digit = (values[i] >> shift) & mask
        out[starts[digit]] = values[i]
        starts[digit] += 1
    return True


@njit
def _drop_repeats(ordered: npt.NDArray[np.int64]) -> int:
    """Move the first of equal neighbours to the front; how many."""
    kept = 0
    for i in range(ordered.size):
        if i == 0 or ordered[i] != ordered[kept - 1]:
            ordered[kept] = ordered[i]
            kept += 1
    return kept


def warm_up() -> None:
    """Compile the kernels of this module."""
    values = np.array([3, 1, 3])
    number_distinct(values)
    sorted_distinct(values)
