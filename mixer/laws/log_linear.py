"""Olmix's log-linear law, which on the simplex is the exponential law of Data Mixing Laws: loss = e^a + e^(t . w).

Huber loss with delta 0.02, as published (arXiv 2602.12237, allenai/olmix@9586977); eight starts of damped Gauss-Newton
with Huber's weights in place of 300 of L-BFGS, which reach the same rank correlations. A weak prior (sd 30 on each
parameter) keeps runs fewer than parameters from running away. Convex in the weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from midmix.mixer.laws.law import Fitted
from midmix.mixer.laws.least_squares import least_squares
from midmix.mixer.simplex import F64

HUBER = 0.02
LEVELS = np.linspace(-2.0, 1.5, 4)
STEEPNESS = (0.1, 1.0)
PRIOR_SD = 30.0
EVALUATIONS = 80
STEEPEST, LOWEST = 8.0, -30.0  # bounds of t . w


@dataclass(frozen=True)
class FittedLogLinear:
    """Parameters (a, t) [k + 1], their covariance, and the range that predictions are clipped to."""

    theta: F64
    covariance: F64
    low: float
    high: float

    def predict(self, weights: F64) -> F64:
        """Expected loss [m], clipped at 0.75 ranges beyond the losses seen."""
        return np.clip(_value_and_jacobian(self.theta, weights)[0], self.low, self.high)

    def predict_with_sd(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and its standard deviation [m], linearised."""
        _, jacobian = _value_and_jacobian(self.theta, weights)
        variance = np.einsum("ij,jk,ik->i", jacobian, self.covariance, jacobian)
        return self.predict(weights), np.minimum(np.sqrt(np.maximum(variance, 0.0)), self.high - self.low)

    def predict_joint(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and its covariance [m, m], linearised."""
        _, jacobian = _value_and_jacobian(self.theta, weights)
        return self.predict(weights), jacobian @ self.covariance @ jacobian.T

    def gradient(self, weights: F64) -> F64:
        """Derivative [m, k] of the loss by each weight, before clipping."""
        exponential = np.exp(np.clip(weights @ self.theta[1:], LOWEST, STEEPEST))
        gradient: F64 = exponential[:, None] * self.theta[1:]
        return gradient


def _value_and_jacobian(theta: F64, weights: F64) -> tuple[F64, F64]:
    exponential = np.exp(np.clip(weights @ theta[1:], LOWEST, STEEPEST))
    level = np.exp(theta[0])
    return level + exponential, np.column_stack([np.full(len(weights), level), exponential[:, None] * weights])


class LogLinear:
    """The best of eight starts; `start` is the only one where there is one."""

    name = "log_linear"

    def fit(self, weights: F64, losses: F64, *, own: int | None, start: Fitted | None = None) -> FittedLogLinear:
        """The text's own domain is not used."""
        n, k = weights.shape

        def residuals(theta: F64) -> tuple[F64, F64]:
            value, jacobian = _value_and_jacobian(theta, weights)
            error = value - losses
            size = np.abs(error)
            # sqrt(2 Huber) as the residual: its square is Huber's loss, its slope the matching one
            linear = size > HUBER
            root = np.where(linear, np.sqrt(np.maximum(2 * HUBER * size - HUBER**2, 0.0)), size)
            slope = np.where(linear, HUBER / np.maximum(root, 1e-12), 1.0)
            stacked = np.concatenate([np.sign(error) * root / HUBER, theta / PRIOR_SD])
            return stacked, np.vstack([(slope / HUBER)[:, None] * jacobian, np.eye(k + 1) / PRIOR_SD])

        low, high = np.full(k + 1, -200.0), np.full(k + 1, 200.0)
        low[0], high[0] = -20.0, 20.0
        starts = [start.theta] if isinstance(start, FittedLogLinear) else _starts(k)
        solutions = [least_squares(residuals, theta, EVALUATIONS, low=low, high=high) for theta in starts]
        best = min(solutions, key=lambda solution: solution.cost)
        value, jacobian = _value_and_jacobian(best.theta, weights)
        noise = float(((value - losses) ** 2).sum()) / max(n - k - 1, 1)
        precision = jacobian.T @ jacobian / max(noise, 1e-12) + np.eye(k + 1) / PRIOR_SD**2
        reach = 0.75 * float(np.ptp(losses))
        covariance: F64 = np.linalg.pinv(precision, hermitian=True).astype(np.float64)
        return FittedLogLinear(best.theta, covariance, float(losses.min()) - reach, float(losses.max()) + reach)


def _starts(k: int) -> list[F64]:
    """Four levels of the floor, with shallow and with steep slopes."""
    rng = np.random.default_rng(0)
    return [np.r_[level, -rng.random(k) * steepness] for steepness in STEEPNESS for level in LEVELS]
