"""Random mixtures that a design is chosen from: Dirichlet draws around the supply and around uniform, within caps.

RegMix's prior (supply to the power 0.5; arXiv 2407.01492) and a uniform one, each with strengths from near corners to near
the centre. Domains that share the word before the first dot of their names, such as web.science and web.news, form a
group: half of the draws then share out the groups first and the domains within each after, as Olmix does with sources and
topics (arXiv 2602.12237), so that a source cut into many topics does not fill the design.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from midmix.mixer import baselines
from midmix.mixer.simplex import F64, I64, within_caps

MIN_WEIGHT = 2e-3  # smaller shares cannot be told from none in a short run
STRENGTHS = np.geomspace(0.3, 10.0, 8)  # times the number of shares drawn


def group_numbers(domains: Sequence[str]) -> I64:
    """The group of each domain [k], numbered by first sight."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name.split(".")[0], len(numbers)) for name in domains], dtype=np.int64)


def dirichlet_pool(tokens: I64, caps: F64, size: int, seed: int, groups: I64 | None = None) -> F64:
    """`size` random mixtures [size, k] within the caps. Shares below 0.002 become 0 where the others have room.

    `groups` [k] numbers each domain's group; without it every domain is one of its own.
    """
    rng = np.random.default_rng(seed)
    k = len(tokens)
    drawn = _shares(rng, tokens, size)
    if groups is not None and 1 < groups.max() + 1 < k:
        nested = np.arange(size) // 2 % 2 == 1
        drawn[nested] = _two_level(rng, tokens, int(nested.sum()), groups)
    return within_caps(np.where(drawn < min(MIN_WEIGHT, 0.5 / k), 0.0, drawn), caps)


def _shares(rng: np.random.Generator, tokens: I64, size: int) -> F64:
    """Dirichlet draws [size, k], in turn around the tempered supply and around uniform, strength by strength."""
    k = len(tokens)
    centres = np.stack([baselines.temperature(tokens, np.ones(k)), np.full(k, 1.0 / k)])
    chosen = centres[np.arange(size) % 2] * k * STRENGTHS[np.arange(size) // 2 % len(STRENGTHS)][:, None]
    draws = np.maximum(rng.standard_gamma(np.maximum(chosen, 1e-3)), 1e-12)
    shares: F64 = draws / draws.sum(axis=1, keepdims=True)
    return shares


def _two_level(rng: np.random.Generator, tokens: I64, size: int, groups: I64) -> F64:
    """Draws [size, k]: shares of the groups, times shares of the domains within each."""
    drawn = np.zeros((size, len(tokens)))
    outer = _shares(rng, np.bincount(groups, tokens).astype(np.int64), size)
    for group in range(int(groups.max()) + 1):
        members = np.flatnonzero(groups == group)
        inner = rng.permuted(np.arange(size))  # a group's strength says nothing of its domains'
        drawn[:, members] = outer[:, group][:, None] * _shares(rng, tokens[members], size)[inner]
    return drawn
