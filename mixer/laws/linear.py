"""Ordinary least squares on the weights: the published yardstick; on the simplex it needs no constant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from midmix.mixer.laws.law import Fitted
from midmix.mixer.simplex import F64

CUTOFF = 1e-8  # singular values under this share of the largest count as 0, as with fewer runs than domains


@dataclass(frozen=True)
class FittedLinear:
    """loss = w . slope, with the covariance [k, k] of the slopes and the range that predictions are clipped to."""

    slope: F64
    covariance: F64
    low: float
    high: float

    def predict(self, weights: F64) -> F64:
        """Expected loss [m], clipped at 0.75 ranges beyond the losses seen."""
        return np.clip(weights @ self.slope, self.low, self.high)

    def predict_with_sd(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and its standard deviation [m]."""
        variance = np.einsum("ij,jk,ik->i", weights, self.covariance, weights)
        return self.predict(weights), np.sqrt(np.maximum(variance, 0.0))

    def predict_joint(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and its covariance [m, m]."""
        return self.predict(weights), weights @ self.covariance @ weights.T

    def gradient(self, weights: F64) -> F64:
        """Derivative [m, k]: the slopes, before clipping."""
        return np.broadcast_to(self.slope, weights.shape).copy()


class Linear:
    """The least-norm solution about the mean where runs are fewer than domains."""

    name = "linear"

    def fit(self, weights: F64, losses: F64, *, own: int | None, start: Fitted | None = None) -> FittedLinear:
        """Closed form; needs no start."""
        mean = float(losses.mean())
        inverse = np.linalg.pinv(weights.T @ weights, rcond=CUTOFF, hermitian=True)
        about = inverse @ (weights.T @ (losses - mean))
        residuals = losses - mean - weights @ about
        free = max(len(losses) - weights.shape[1], 1)
        reach = 0.75 * float(np.ptp(losses))
        covariance = inverse * float(residuals @ residuals) / free
        return FittedLinear(about + mean, covariance, float(losses.min()) - reach, float(losses.max()) + reach)
