"""Which domain each sequence of a run comes from, and which of its blocks: even, and the same for all runs.

Letters: M runs, K domains, S sequences of a run.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def choose_domains(weights_MK: NDArray[np.float64], sequences: int) -> NDArray[np.int64]:
    """The domain of every sequence [M, S], such that every prefix has the shares of the weights.

    After t sequences, a domain's count differs from t x weight by less than 1, for any weights: of the domains that
    are due, take the one with the nearest deadline (Tijdeman, "The chairman assignment problem", 1980). Taking a
    random domain instead is off by 0.09 after 120 sequences. Rows of weights are made to sum to 1.
    """
    shares = weights_MK / weights_MK.sum(axis=1, keepdims=True)
    used = np.maximum((shares > 0).sum(axis=1, keepdims=True), 2)
    due = 1 / (2 * used - 2)
    counts = np.zeros_like(shares)
    chosen = np.empty((len(shares), sequences), dtype=np.int64)
    rows = np.arange(len(shares))
    for t in range(sequences):
        lag = shares * (t + 1) - counts
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            deadline = np.where((shares > 0) & (lag >= due - 1e-9), (1 - due - lag) / shares, np.inf)
        chosen[:, t] = deadline.argmin(axis=1)
        counts[rows, chosen[:, t]] += 1
    return chosen


def occurrences(chosen_S: NDArray[np.int64], domains: int) -> NDArray[np.int64]:
    """For every sequence, how many before it came from the same domain: which draw of its domain it is."""
    earlier = np.empty_like(chosen_S)
    for domain in range(domains):
        places = np.flatnonzero(chosen_S == domain)
        earlier[places] = np.arange(len(places))
    return earlier


def _generator(seed: int, domain: str, *more: int) -> np.random.Generator:
    return np.random.default_rng([seed, *more, *domain.encode()])


def visit_order(draws: NDArray[np.int64], size: int, *, seed: int, domain: str) -> NDArray[np.int64]:
    """The block of the pool [0, size) that each draw takes: each epoch visits every block once, in its own order.

    An affine permutation per (seed, domain, epoch), so that the i-th draw of a domain is the same for all runs of a
    seed, whatever their weights and however many other domains there are.
    """
    blocks = np.empty_like(draws)
    epochs = draws // size
    for epoch in np.unique(epochs):
        generator = _generator(seed, domain, 1, int(epoch))
        factor = int(generator.integers(1, size + 1))
        while math.gcd(factor, size) != 1:
            factor = factor % size + 1
        shift = int(generator.integers(size))
        mine = epochs == epoch
        # Python integers would be exact at any size; int64 is, below 3e9 blocks.
        blocks[mine] = (factor * (draws[mine] % size) + shift) % size
    return blocks


def pool_size(available: int, *, proxy_tokens: int, target_tokens: int, minimum: int) -> int:
    """Blocks of a domain that a proxy may see, so that it repeats them as often as the target run would.

    That is the proxy's share of the target's tokens, but at least `minimum` (the domain is then repeated less than in
    the target run) and at most all.
    """
    matched = -(-available * proxy_tokens // target_tokens)
    return min(available, max(minimum, matched))


def pool_blocks(available: int, size: int, *, seed: int, domain: str) -> NDArray[np.int64]:
    """`size` of `available` blocks, evenly spread from a seeded start: seeds differ in sample as well as in weights."""
    start = _generator(seed, domain, 0).random()
    return np.minimum(((np.arange(size) + start) * (available / size)).astype(np.int64), available - 1)
