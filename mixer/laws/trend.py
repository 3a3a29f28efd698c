"""What a process expects before it looks at the residuals: a constant, a known function, or a power law to be learnt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from midmix.mixer.laws.returns import Returns
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
    """-a log sum_j e^(t_j) (w_j + floor) ** b, linearised at theta = (t_1 ... t_k, log a, log b) ~ N(centre, covariance)."""

    returns: Returns
    theta: F64
    centre: F64
    covariance: F64

    def mean(self, weights: F64) -> F64:
        value, jacobian = log_power(self.theta, weights, self.returns)
        mean: F64 = value + jacobian @ (self.centre - self.theta)
        return mean

    def basis(self, weights: F64) -> F64:
        return log_power(self.theta, weights, self.returns)[1]

    def gradient(self, weights: F64, coefficients: F64) -> F64:
        total = self.centre - self.theta + coefficients
        exponent, returns = np.exp(self.theta[-2]), np.exp(self.theta[-1])
        base = self.returns.base(weights)
        logs = np.log(base)
        gains = np.exp(self.theta[:-2])
        effective = np.maximum((base**returns) @ gains, TINY)[:, None]
        shares = base**returns * gains / effective
        by_gain = total[:-2] - (shares @ total[:-2])[:, None]
        by_returns = self.returns.learnt * total[-1] * (returns * (logs - (shares * logs).sum(axis=1)[:, None]) + 1)
        ratio = gains * base ** (returns - 1) / effective
        gradient: F64 = -exponent * returns * ratio * (1 + total[-2] + by_gain + by_returns)
        return gradient


def log_power(theta: F64, weights: F64, returns: Returns) -> tuple[F64, F64]:
    """The logarithm of the power law [n] and its Jacobian [n, k + 2] by theta = (t_1 ... t_k, log a, log b)."""
    exponent, power_of_weight = np.exp(theta[-2]), np.exp(theta[-1])
    logs = np.log(returns.base(weights))
    parts = np.exp(theta[:-2] + power_of_weight * logs)
    effective = np.maximum(parts.sum(axis=1), TINY)
    value = -exponent * np.log(effective)
    shares = parts / effective[:, None]
    by_returns = -exponent * power_of_weight * (shares * logs).sum(axis=1) * returns.learnt
    return value, np.column_stack([-exponent * shares, value, by_returns])
