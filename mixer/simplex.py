"""Domain weights as points of the simplex: capped shares, exact rounding, distances.

Arrays: `weights` is float64 [n, k] or [k], rows sum to 1 over the k domains; `caps` is float64 [k], the largest share
of each domain.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from midmix.errors import ConfigError

F64: TypeAlias = npt.NDArray[np.float64]
I64: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

WEIGHT_UNITS = 1_000_000  # stored weights are whole multiples of 1e-6


def within_caps(weights: F64, caps: F64) -> F64:
    """The nearest proportional weights that keep to the caps: min(cap, scale x weight), row by row, summing to 1.

    `weights` [n, k] or [k] need not be normalised. What a capped domain cannot take goes to the others in proportion
    to their weights, and in proportion to the room left where those weights are all 0. `caps` must sum to 1 or more.
    """
    rows = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    if caps.sum() < 1 - 1e-12:
        raise ConfigError(f"caps sum to {caps.sum():.6f}, expected 1 or more: no mixture can keep to them")
    result: F64 = rows / rows.sum(axis=1, keepdims=True)
    for _ in range(len(caps)):
        capped = result >= caps
        spare = 1.0 - np.where(capped, caps, 0.0).sum(axis=1, keepdims=True)
        free = np.where(capped, 0.0, result)
        total = free.sum(axis=1, keepdims=True)
        scaled = np.divide(free * spare, total, out=np.zeros_like(free), where=total > 0)
        result = np.where(capped, caps, scaled)
        if not (result > caps).any():
            break
    missing = 1.0 - result.sum(axis=1, keepdims=True)
    room = np.maximum(caps - result, 0.0)
    total_room = room.sum(axis=1, keepdims=True)
    share = np.divide(room, total_room, out=np.zeros_like(room), where=total_room > 0)
    result = result + np.where(missing > 1e-12, missing, 0.0) * share
    return result.reshape(np.shape(weights))


def round_weights(weights: F64, caps: F64 | None = None) -> F64:
    """`weights` [k] as whole multiples of 1e-6 whose units sum to exactly 1,000,000, by largest remainder.

    With `caps`, no rounded weight passes its cap (rounded down to 1e-6), unless the caps so rounded sum to less than 1.
    """
    scaled = np.asarray(weights, dtype=np.float64) / np.sum(weights) * WEIGHT_UNITS
    limits = np.full(len(scaled), WEIGHT_UNITS, dtype=np.int64)
    if caps is not None:
        limits = np.floor(np.asarray(caps) * WEIGHT_UNITS + 1e-6).astype(np.int64)
    units = np.minimum(np.floor(scaled).astype(np.int64), limits)
    missing = WEIGHT_UNITS - int(units.sum())
    order = np.argsort(-(scaled - np.floor(scaled)), kind="stable")
    while missing > 0:
        open_domains = [int(j) for j in order if units[j] < limits[j]] or [int(j) for j in order]
        for domain in open_domains[:missing]:
            units[domain] += 1
        missing = WEIGHT_UNITS - int(units.sum())
    rounded: F64 = units / WEIGHT_UNITS
    return rounded


def hellinger(left: F64, right: F64) -> F64:
    """Distances [n, m] between the square roots of two sets of weights [n, k] and [m, k], in [0, sqrt(2)]."""
    overlap = np.sqrt(np.maximum(left, 0)) @ np.sqrt(np.maximum(right, 0)).T
    distances: F64 = np.sqrt(np.maximum(left.sum(1)[:, None] + right.sum(1)[None, :] - 2 * overlap, 0.0))
    return distances


def mixture_groups(weights: F64) -> I64:
    """For each row of `weights` [n, k] the number of its mixture, equal rows (to 1e-6) sharing one; by first sight."""
    units = np.rint(np.asarray(weights) * WEIGHT_UNITS).astype(np.int64)
    numbers: dict[bytes, int] = {}
    return np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in units], dtype=np.int64)
