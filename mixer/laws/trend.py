"""What a process expects before it looks at the residuals: a constant, a known function, or a power law to be learnt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from midmix.mixer.simplex import F64

TINY = 1e-12


class Trend(Protocol):
    """mean(w) + basis(w) . c with c ~ N(0, covariance)."""

    @property
    def covariance(self) -> F64:
        """Prior covariance [p, p] of the coefficients; [0, 0] where nothing is learnt."""
        ...

    def mean(self, weights: F64) -> F64:
        """Prior mean [m]."""
        ...

    def basis(self, weights: F64) -> F64:
        """Basis functions [m, p]."""
        ...

    def gradient(self, weights: F64, coefficients: F64) -> F64:
        """Derivative [m, k] of mean + basis . coefficients."""
        ...


@dataclass(frozen=True)
class Constant:
    """One level."""

    level: float

    @property
    def covariance(self) -> F64:
        return np.zeros((0, 0))

    def mean(self, weights: F64) -> F64:
        return np.full(len(weights), self.level)

    def basis(self, weights: F64) -> F64:
        return np.zeros((len(weights), 0))

    def gradient(self, weights: F64, coefficients: F64) -> F64:
        return np.zeros_like(weights)


@dataclass(frozen=True)
class LogPower:
    """-a log sum_j w_j e^(t_j), linearised at theta = (t_1 ... t_k, log a); prior N(centre, covariance) on theta."""

    theta: F64
    centre: F64
    covariance: F64

    def mean(self, weights: F64) -> F64:
        value, jacobian = log_power(self.theta, weights)
        mean: F64 = value + jacobian @ (self.centre - self.theta)
        return mean

    def basis(self, weights: F64) -> F64:
        return log_power(self.theta, weights)[1]

    def gradient(self, weights: F64, coefficients: F64) -> F64:
        total = self.centre - self.theta + coefficients
        gains, exponent = np.exp(self.theta[:-1]), np.exp(self.theta[-1])
        effective = np.maximum(weights @ gains, TINY)[:, None]
        shared = (weights * gains) @ total[:-1]
        ratio = gains / effective
        gradient: F64 = -exponent * ratio * (1 + total[-1] + total[:-1] - shared[:, None] / effective)
        return gradient


def log_power(theta: F64, weights: F64) -> tuple[F64, F64]:
    """-a log sum_j w_j e^(t_j) [n] and its Jacobian [n, k + 1] by theta = (t_1 ... t_k, log a)."""
    gains, exponent = np.exp(theta[:-1]), np.exp(theta[-1])
    effective = np.maximum(weights @ gains, TINY)
    value = -exponent * np.log(effective)
    return value, np.column_stack([(-exponent / effective)[:, None] * weights * gains, value])
