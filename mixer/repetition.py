"""What repeated tokens are worth: weights beyond the supply, turned into weights of fresh tokens.

With U unique tokens and D trained on, R = D / U - 1 repeats: D' = U + U r (1 - exp(-R / r)), r = 15.387756, and D' = D up to
one epoch. Source: Muennighoff et al., arXiv 2305.16264, eq. 5, per domain instead of for the whole corpus. A law fitted on
effective weights knows that a weight above the supply is worth less; they sum to 1 or less.
"""

from __future__ import annotations

import numpy as np

from midmix.mixer.simplex import F64, I64

REPEATS = 15.387756  # R*: repeats after which a further one is worth 1/e of a fresh token


def effective_weights(weights: F64, supply: F64 | I64, total_tokens: float) -> F64:
    """Effective shares of `weights` [m, k] (or [k]) in a training of `total_tokens`, in the same shape.

    `supply` [k] are unique tokens, infinite where they never run out; a domain without any is worth nothing.
    """
    share = _share(weights, supply, total_tokens)
    finite = np.where(np.isfinite(share), share, 0.0)
    repeated = finite * REPEATS * -np.expm1(-_repeats(weights, share) / REPEATS)
    effective: F64 = np.minimum(weights, share) + repeated
    return effective


def marginal_worth(weights: F64, supply: F64 | I64, total_tokens: float) -> F64:
    """Derivative of each effective share by its weight: 1 within the supply, then exp(-R / r); 0 without supply."""
    share = _share(weights, supply, total_tokens)
    worth: F64 = np.where(share > 0, np.exp(-_repeats(weights, share) / REPEATS), 0.0)
    return worth


def _share(weights: F64, supply: F64 | I64, total_tokens: float) -> F64:
    """The supply as shares of the training, in the shape of `weights`."""
    return np.broadcast_to(np.asarray(supply, dtype=np.float64) / total_tokens, np.shape(weights))


def _repeats(weights: F64, share: F64) -> F64:
    """Passes beyond the first; 0 within the supply, and where there is none."""
    beyond = (weights > share) & (share > 0)
    passes: F64 = np.divide(weights, share, out=np.ones(np.shape(weights)), where=beyond)
    return passes - 1.0
