"""Ridge regression on the square roots of the weights: the plainest law, and the yardstick of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from midmix.mixer.laws.features import SQRT
from midmix.mixer.laws.law import Fitted
from midmix.mixer.simplex import F64

PENALTIES = np.geomspace(1e-4, 1e2, 13)


@dataclass(frozen=True)
class FittedRidge:
    """loss = mean + (sqrt(w) - centre) . slope."""

    centre: F64
    mean: float
    slope: F64
    covariance: F64

    def predict(self, weights: F64) -> F64:
        """Expected loss [m]."""
        prediction: F64 = self.mean + (np.sqrt(np.maximum(weights, 0)) - self.centre) @ self.slope
        return prediction

    def predict_with_sd(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and its standard deviation [m] from the posterior of the slopes."""
        x = np.sqrt(np.maximum(weights, 0)) - self.centre
        variance = np.einsum("ij,jk,ik->i", x, self.covariance, x)
        return self.mean + x @ self.slope, np.sqrt(np.maximum(variance, 0.0))

    def predict_joint(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and its covariance [m, m]."""
        x = np.sqrt(np.maximum(weights, 0)) - self.centre
        return self.mean + x @ self.slope, x @ self.covariance @ x.T

    def gradient(self, weights: F64) -> F64:
        """Derivative [m, k] of the loss by each weight."""
        return SQRT.slope(weights) * self.slope


class RidgeSqrt:
    """Penalty by the exact leave-one-out error, from 13 values between 1e-4 and 1e2."""

    name = "ridge_sqrt"

    def fit(self, weights: F64, losses: F64, *, own: int | None, start: Fitted | None = None) -> FittedRidge:
        """Closed form; needs no start."""
        features = np.sqrt(np.maximum(weights, 0))
        centre, mean = features.mean(axis=0), float(losses.mean())
        x, y = features - centre, losses - mean
        left, singular, right = np.linalg.svd(x, full_matrices=False)
        shrink = singular**2 / (singular**2 + PENALTIES[:, None])
        fitted = (shrink * (left.T @ y)) @ left.T
        leverage = 1.0 / len(y) + (left**2 @ shrink.T).T
        errors = (((y - fitted) / np.maximum(1 - leverage, 0.05)) ** 2).mean(axis=1)
        best = int(np.argmin(errors))
        scale = singular / (singular**2 + PENALTIES[best])
        inverse = (right.T / (singular**2 + PENALTIES[best])) @ right
        return FittedRidge(centre, mean, right.T @ (scale * (left.T @ y)), errors[best] * inverse)
