"""Pairs of one cell whose embeddings are alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
# Documents of a cell that each later one is compared with, and pairs that it keeps: the first in survivor order, so that
# a crowded cell costs no square.
MOST_COMPARED = 16_384
MOST_PAIRS = 16
_ROWS = 1024


def alike(
    vectors: Vectors, cosine: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """(later, earlier, cosine) of rows in survivor order: each with the first MOST_PAIRS before it that are alike."""
    from threadpoolctl import threadpool_limits

    later, earlier, values = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    with threadpool_limits(1):
        for first in range(0, len(vectors), _ROWS):
            rows = vectors[first : first + _ROWS]
            against = min(first + len(rows), MOST_COMPARED)
            found = rows @ vectors[:against].T
            own = np.arange(first, first + len(rows))[:, None]
            close = (found >= cosine) & (np.arange(against)[None, :] < own)
            close &= np.cumsum(close, axis=1) <= MOST_PAIRS
            row, other = np.nonzero(close)
            later.append(row + first)
            earlier.append(other)
            values.append(found[row, other].astype(np.float64))
    return np.concatenate(later), np.concatenate(earlier), np.concatenate(values)
