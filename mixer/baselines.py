"""Mixtures that need no proxy runs: what a chosen mixture is compared with.

Each takes the tokens of the domains (int64 [k]) and gives weights [k] that sum to 1. None of them is rounded.
"""

from __future__ import annotations

import numpy as np

from midmix.mixer.simplex import F64, I64, within_caps


def natural(tokens: I64) -> F64:
    """Shares of the tokens at hand."""
    shares: F64 = tokens / tokens.sum()
    return shares


def uniform(tokens: I64, caps: F64) -> F64:
    """The same share for each domain that has tokens, within the caps."""
    return within_caps((tokens > 0).astype(np.float64), caps)


def temperature(tokens: I64, caps: F64, tau: float = 2.0) -> F64:
    """Shares in proportion to tokens ** (1 / tau), within the caps."""
    return within_caps(natural(tokens) ** (1.0 / tau), caps)


def unimax(tokens: I64, max_epochs: F64, total_tokens: int) -> F64:
    """As uniform as the epochs allow: small domains get all they may give, the rest is shared evenly.

    `max_epochs` [k] bounds the passes over each domain in a training of `total_tokens`. Where all domains together
    cannot fill it, shares are those of what they can give.
    Source: UniMax, arXiv 2304.09151, algorithm 1, with epochs per domain instead of one number.
    """
    most = tokens * max_epochs
    budget = float(total_tokens)
    taken = np.zeros(len(tokens))
    order = np.argsort(most, kind="stable")
    for place, domain in enumerate(order):
        taken[domain] = min(budget / (len(order) - place), most[domain])
        budget -= taken[domain]
    shares: F64 = taken / taken.sum()
    return shares
