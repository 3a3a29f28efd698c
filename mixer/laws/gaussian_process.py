"""Gaussian processes on the losses themselves, over log-weights or the square roots of weights.

A constant, a linear and a radial part with one length scale per domain; priors of the logarithms: s1, s2 ~ N(0, 2^2),
noise ~ N(log 0.03, 3^2), l_j^2 ~ N(0, 1.5^2). See `process`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from midmix.mixer.laws.features import LOG, SQRT, Features
from midmix.mixer.laws.law import Fitted
from midmix.mixer.laws.process import Prior, Process, fit_process
from midmix.mixer.laws.trend import Constant
from midmix.mixer.simplex import F64

PRIOR = Prior(linear=(0.0, 2.0), radial=(0.0, 2.0), noise=(float(np.log(0.03)), 3.0))
STEPS, WARM_STEPS = 80, 6


@dataclass(frozen=True)
class FittedProcess:
    """The posterior process of the losses."""

    process: Process

    def predict(self, weights: F64) -> F64:
        """Expected loss [m]."""
        return self.process.predict(weights)

    def predict_with_sd(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and the posterior standard deviation of the noise-free loss [m]."""
        mean, variance = self.process.predict_with_variance(weights)
        return mean, np.sqrt(variance)

    def predict_joint(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and the posterior covariance of the noise-free losses [m, m]."""
        return self.process.predict_joint(weights)

    def gradient(self, weights: F64) -> F64:
        """Derivative [m, k] of the expected loss by each weight."""
        return self.process.gradient(weights)


@dataclass(frozen=True)
class GaussianProcess:
    """Hyper-parameters start at the prior's mean, or at those of `start`."""

    features: Features = LOG

    @property
    def name(self) -> str:
        """`gaussian_process` on log-weights, `gaussian_process_sqrt` on square roots."""
        return "gaussian_process" if self.features == LOG else f"gaussian_process_{SQRT.name}"

    def fit(self, weights: F64, losses: F64, *, own: int | None, start: Fitted | None = None) -> FittedProcess:
        """With `start`, its hyper-parameters get a few steps instead of eighty. The text's own domain is not used."""
        warm = start.process.hyper if isinstance(start, FittedProcess) else None
        steps = STEPS if warm is None else WARM_STEPS
        trend = Constant(float(losses.mean()))
        return FittedProcess(fit_process(weights, losses, trend, self.features, PRIOR, hyper=warm, steps=steps))
