"""Mixtures as the laws see them: effective weights of the runs, each at its own number of tokens, and of the training asked about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from midmix.mixer.fit.finals import PROXY
from midmix.mixer.fit.swarm import Swarm
from midmix.mixer.repetition import effective_weights, marginal_worth
from midmix.mixer.simplex import F64, I64


@dataclass(frozen=True)
class Repetition:
    """Tokens at hand per domain [k], and the length of the training in tokens."""

    tokens: I64
    total_tokens: int

    def fresh(self, weights: F64) -> F64:
        """Effective weights [n, k] of weights [n, k] or [k] in this training; sums may be below 1."""
        return effective_weights(weights, self.tokens, self.total_tokens)

    def slope(self, weights: F64) -> F64:
        """Derivative [n, k] of each effective weight by its weight: the worth of the next token."""
        return marginal_worth(weights, self.tokens, self.total_tokens)

    def of_runs(self, swarm: Swarm) -> F64:
        """Effective weights [n, k] of the runs, each over the tokens that it trained on; its weights where that is unknown.

        Our own proxies draw from as small a part of each domain as they are shorter than this training, so that they
        repeat it as this training does: their weights are worth what they are here.
        """
        seen = np.array(swarm.weights)
        large = np.array(swarm.large or (False,) * len(swarm.runs), dtype=bool)
        for kind, rows in ((swarm.kind, ~large), (swarm.larger, large)):
            if kind is not None and kind.origin == PROXY:
                seen[rows] = self.fresh(swarm.weights[rows])
            elif kind is not None and kind.tokens and rows.any():
                seen[rows] = effective_weights(swarm.weights[rows], self.tokens, kind.tokens)
        return seen
