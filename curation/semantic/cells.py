"""k-means cells of embeddings: frozen centres, and the nearest of each document."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
# Documents that a cell should hold; cosines are taken within it alone.
DOCUMENTS_PER_CELL = 1000
# What centres are made from, at most, for each: more moves them little.
SAMPLE_PER_CELL = 64
_ROWS = 4096


def make_centres(sample: Vectors, cells: int, seed: int) -> Vectors:
    """float32 [cells, dimensions], at unit length: Lloyd's k-means on a sample of directions, one thread."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    cells = min(cells, len(np.unique(sample, axis=0)))
    with threadpool_limits(1):
        model = KMeans(cells, n_init=1, random_state=seed, max_iter=30).fit(sample.astype(np.float64))
    centres = model.cluster_centers_
    lengths = np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    return np.asarray(centres / lengths, np.float32)


def nearest(centres: Vectors, vectors: Vectors) -> npt.NDArray[np.int64]:
    """int64 [n]: the centre of greatest cosine for each vector, the first among equals."""
    from threadpoolctl import threadpool_limits

    found = np.zeros(len(vectors), np.int64)
    with threadpool_limits(1):
        for first in range(0, len(vectors), _ROWS):
            found[first : first + _ROWS] = np.argmax(vectors[first : first + _ROWS] @ centres.T, axis=1)
    return found
