"""The loss of knowing token frequencies and nothing else: a proxy that ends above it has learnt nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

# Documents lie in a random order, so a long prefix of a domain has its frequencies.
COUNTED_TOKENS = 1 << 24


def token_counts(
    arrays: Sequence[NDArray[np.uint16] | NDArray[np.uint32]], vocabulary: int, *, limit: int = COUNTED_TOKENS
) -> NDArray[np.int64]:
    """How often each token id occurs [V] in the first `limit` tokens of the arrays in order."""
    counts = np.zeros(vocabulary, dtype=np.int64)
    for array in arrays:
        taken = array[:limit]
        counts += np.bincount(taken, minlength=vocabulary)
        limit -= len(taken)
    return counts


def unigram_share(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probability of each token [V]: counts with one added to each, so that none is impossible."""
    smoothed = counts + 1.0
    return np.asarray(smoothed / smoothed.sum(), np.float64)


def mixed_share(shares: Mapping[str, NDArray[np.float64]], weights: Mapping[str, float]) -> NDArray[np.float64]:
    """Probability of each token [V] in a mixture of domains; weights are made to sum to 1."""
    total = sum(weights.values())
    mixed = np.zeros_like(next(iter(shares.values())))
    for domain in sorted(weights):
        if weights[domain] > 0:
            mixed += weights[domain] / total * shares[domain]
    return mixed


def cross_entropy(share: NDArray[np.float64], ids: NDArray[np.int64]) -> float:
    """Mean nats per token of `ids` under the probabilities `share` [V]."""
    return float(-np.log(share[ids]).mean())
