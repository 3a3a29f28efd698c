"""Gaussian process on log(weight + 5e-4), one length scale per domain.

Kernel: s1 x'z / k + s2 exp(-1/2 sum_j (x_j - z_j)^2 / (k l_j^2)) + noise, x standardised by column, losses by mean and
standard deviation. Priors: log s1, log s2 ~ N(0, 2^2), log noise ~ N(log 0.03, 3^2), log l_j^2 ~ N(0, 1.5^2). Maximum a
posteriori by L-BFGS with the analytic gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize

from midmix.mixer.laws.law import Fitted
from midmix.mixer.simplex import F64

FLOOR = 5e-4  # published swarms store smaller weights as 0
JITTER = 1e-8
LINEAR, RADIAL, NOISE, LENGTHS = 0, 1, 2, 3  # places of the logarithms in the hyper-parameters; one length per domain


@dataclass(frozen=True)
class FittedProcess:
    """Hyper-parameters [3 + k] (logarithms), scaling, and the solved system."""

    hyper: F64
    centre: F64
    scale: F64
    inputs: F64
    mean: float
    spread: float
    cholesky: F64
    alpha: F64

    def _standardised(self, weights: F64) -> F64:
        return (np.log(np.maximum(weights, 0) + FLOOR) - self.centre) / self.scale

    def predict(self, weights: F64) -> F64:
        """Expected loss [m]."""
        cross = _kernel(self.hyper, self._standardised(weights), self.inputs)
        prediction: F64 = self.mean + self.spread * (cross @ self.alpha)
        return prediction

    def predict_with_sd(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and the posterior standard deviation of the noise-free loss [m]."""
        x = self._standardised(weights)
        cross = _kernel(self.hyper, x, self.inputs)
        solved = solve_triangular(self.cholesky, cross.T, lower=True)
        prior = np.exp(self.hyper[LINEAR]) * (x**2).mean(axis=1) + np.exp(self.hyper[RADIAL])
        variance = np.maximum(prior - (solved**2).sum(axis=0), 1e-9)
        return self.mean + self.spread * (cross @ self.alpha), self.spread * np.sqrt(variance)


def _kernel(hyper: F64, left: F64, right: F64) -> F64:
    """Covariances [n, m] of noise-free losses, in standard units."""
    k = left.shape[1]
    inverse_lengths = np.exp(-0.5 * hyper[LENGTHS:]) / np.sqrt(k)
    a, b = left * inverse_lengths, right * inverse_lengths
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2 * a @ b.T
    kernel: F64 = np.exp(hyper[LINEAR]) * (left @ right.T) / k + np.exp(hyper[RADIAL] - 0.5 * np.maximum(squared, 0.0))
    return kernel


def _objective(inputs: F64, targets: F64) -> Callable[[F64], tuple[float, F64]]:
    """The negative log posterior of the hyper-parameters and its gradient."""
    n, k = inputs.shape
    squared = ((inputs.T[:, :, None] - inputs.T[:, None, :]) ** 2 / k).reshape(k, n * n)
    linear = inputs @ inputs.T / k
    prior_mean = np.r_[0.0, 0.0, np.log(0.03), np.zeros(k)]
    prior_sd = np.r_[2.0, 2.0, 3.0, np.full(k, 1.5)]
    identity = np.eye(n)

    def objective(hyper: F64) -> tuple[float, F64]:
        inverse = np.exp(-hyper[LENGTHS:])
        radial = np.exp(hyper[RADIAL] - 0.5 * (inverse @ squared)).reshape(n, n)
        noise = np.exp(hyper[NOISE])
        slope = np.exp(hyper[LINEAR]) * linear
        factor = np.linalg.cholesky(slope + radial + (noise + JITTER) * identity)
        solved = cho_solve((factor, True), np.column_stack([targets, identity]), check_finite=False)
        alpha = solved[:, 0]
        inner = solved[:, 1:] - np.outer(alpha, alpha)
        weighted = (inner * radial).ravel()
        pull = (hyper - prior_mean) / prior_sd
        value = 0.5 * targets @ alpha + np.log(np.diag(factor)).sum() + 0.5 * pull @ pull
        gradient = np.r_[
            0.5 * (inner * slope).sum(),
            0.5 * weighted.sum(),
            0.5 * noise * np.trace(inner),
            0.25 * inverse * (squared @ weighted),
        ]
        return float(value), gradient + pull / prior_sd

    return objective


class GaussianProcess:
    """Hyper-parameters start at the prior's mean, or at those of `start`."""

    name = "gaussian_process"

    def fit(self, weights: F64, losses: F64, *, own: int | None, start: Fitted | None = None) -> FittedProcess:
        """With `start`, its hyper-parameters get a dozen steps instead of eighty. The text's own domain is not used."""
        features = np.log(np.maximum(weights, 0) + FLOOR)
        k = features.shape[1]
        sd = features.std(axis=0)
        centre, scale = features.mean(axis=0), np.maximum(sd, 1e-3 * max(float(sd.max()), 1e-9))
        inputs = (features - centre) / scale
        mean, spread = float(losses.mean()), max(float(losses.std()), 1e-12)
        targets = (losses - mean) / spread
        warm = isinstance(start, FittedProcess)
        hyper = start.hyper if isinstance(start, FittedProcess) else np.r_[0.0, 0.0, np.log(0.03), np.zeros(k)]
        found = minimize(
            _objective(inputs, targets),
            hyper,
            jac=True,
            method="L-BFGS-B",
            bounds=[(-8, 6), (-8, 6), (-14, 4), *[(-5, 7)] * k],
            options={"maxiter": 12 if warm else 80},
        )
        hyper = np.asarray(found.x)
        noise = np.exp(hyper[NOISE]) + JITTER
        factor = np.linalg.cholesky(_kernel(hyper, inputs, inputs) + noise * np.eye(len(losses)))
        alpha = cho_solve((factor, True), targets)
        return FittedProcess(hyper, centre, scale, inputs, mean, spread, factor, alpha)
