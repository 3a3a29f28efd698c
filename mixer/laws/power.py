"""Power laws of effective data: loss = c + (sum_j u_j (w_j + floor) ** b) ** -a.

Tokens of domain j count u_j towards the text in question, evenly (b = 1: `power`) or with diminishing returns (b <= 1,
learnt: `diminishing_power`, see `returns`); the loss falls as a power of the effective data. Convex in the weights, so
that an optimum under linear constraints is one optimum; carries rank across model sizes better than any other law
measured on RegMix's swarm.

Maximum a posteriori: log u_j ~ N(m + 3 [j is the text's own domain], 1.5^2) with m free (the own domain's prior
counts a quarter), log a ~ N(log 0.4, 0.5^2), logit(c / min y) ~ N(0, 1.5^2), b by its prior, noise variance a share of
var(y) that approximate leave-one-out error chooses. Parameters: log u [k], m, log a, logit(c / min y), log b: k + 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from midmix.mixer.laws.law import Fitted
from midmix.mixer.laws.least_squares import Solution, least_squares
from midmix.mixer.laws.returns import EVEN, Returns
from midmix.mixer.simplex import F64

NOISE_SHARES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
STARTS = ((0.02, 0.3), (0.5, 0.4), (0.8, 0.5))  # floor as a share of the least loss, exponent
OWN_BONUS, LOG_GAIN_SD, OWN_PRIOR = 3.0, 1.5, 0.5
TINY = 1e-12
POWER, DIMINISHING_POWER = "power", "diminishing_power"


@dataclass(frozen=True)
class FittedPower:
    """Parameters, the noise share in force and the posterior covariance [k + 4, k + 4] of the parameters."""

    returns: Returns
    theta: F64
    least: float
    ceiling: float
    noise_share: float
    covariance: F64

    def predict(self, weights: F64) -> F64:
        """Expected loss [m], clipped at 0.75 ranges above the largest loss seen."""
        return np.minimum(_value(self.theta, weights, self.least, self.returns), self.ceiling)

    def predict_with_sd(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and its standard deviation [m], by the parameters' posterior, linearised."""
        _, jacobian = _value_and_jacobian(self.theta, weights, self.least, self.returns)
        variance = np.einsum("ij,jk,ik->i", jacobian, self.covariance, jacobian)
        return self.predict(weights), np.sqrt(np.maximum(variance, 0.0))

    def predict_joint(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and its covariance [m, m], linearised."""
        _, jacobian = _value_and_jacobian(self.theta, weights, self.least, self.returns)
        return self.predict(weights), jacobian @ self.covariance @ jacobian.T

    def gradient(self, weights: F64) -> F64:
        """Derivative [m, k] of the loss by each weight, before clipping."""
        gains, exponent, returns = np.exp(self.theta[:-4]), np.exp(self.theta[-3]), np.exp(self.theta[-1])
        base = self.returns.base(weights)
        effective = np.maximum((base**returns) @ gains, TINY)[:, None]
        gradient: F64 = -exponent * effective ** (-exponent - 1) * returns * gains * base ** (returns - 1)
        return gradient

    @property
    def floor(self) -> float:
        """The loss that no mixture goes under."""
        return float(self.least / (1 + np.exp(-self.theta[-2])))


def _value(theta: F64, weights: F64, least: float, returns: Returns) -> F64:
    return _value_and_jacobian(theta, weights, least, returns)[0]


def _value_and_jacobian(theta: F64, weights: F64, least: float, returns: Returns) -> tuple[F64, F64]:
    """The loss [n] and its derivatives [n, k + 4]; that by m is 0, and that by a log b that is known."""
    k = weights.shape[1]
    exponent, power_of_weight = np.exp(theta[k + 1]), np.exp(theta[k + 3])
    logs = np.log(returns.base(weights))
    parts = np.exp(theta[:k] + power_of_weight * logs)
    effective = np.maximum(parts.sum(axis=1), TINY)
    power = effective**-exponent
    share = 1 / (1 + np.exp(-theta[k + 2]))
    slope = -exponent * power / effective
    jacobian = np.zeros((len(weights), k + 4))
    jacobian[:, :k] = slope[:, None] * parts
    jacobian[:, k + 1] = -exponent * np.log(effective) * power
    jacobian[:, k + 2] = least * share * (1 - share)
    if returns.learnt:
        jacobian[:, k + 3] = slope * (parts * logs).sum(axis=1) * power_of_weight
    return least * share + power, jacobian


class _Problem:
    """The penalised least squares of one set of runs."""

    def __init__(self, weights: F64, losses: F64, own: int | None, least: float, returns: Returns) -> None:
        k = weights.shape[1]
        self.weights, self.losses, self.least, self.returns = weights, losses, least, returns
        self.variance = max(float(losses.var()), TINY)
        self.offset, self.strength = np.zeros(k), np.full(k, 1 / LOG_GAIN_SD)
        if own is not None:
            self.offset[own], self.strength[own] = OWN_BONUS, OWN_PRIOR / LOG_GAIN_SD
        self.prior = np.zeros((k + 4, k + 4))
        self.prior[:k, :k] = np.diag(self.strength)
        self.prior[:k, k] = -self.strength
        self.prior[k, k] = 0.05  # m is all but free; this keeps the covariance finite
        self.prior[k + 1, k + 1], self.prior[k + 2, k + 2] = 2.0, 1 / 1.5
        self.prior[k + 3, k + 3] = 1 / returns.log_sd if returns.learnt else 1.0

    def centre(self) -> F64:
        """The prior's mean, as the parameters at which its residuals are 0 when m is 0."""
        mean: F64 = np.r_[self.offset, 0.0, np.log(0.4), 0.0, self.returns.log_mean]
        return mean

    def solve(self, theta: F64, noise_share: float, evaluations: int) -> Solution:
        """The optimum near `theta`; its Jacobian [n + k + 4, k + 4] is in units of the noise."""
        scale, centre = 1 / np.sqrt(noise_share * self.variance), self.centre()

        def residuals(t: F64) -> tuple[F64, F64]:
            value, jacobian = _value_and_jacobian(t, self.weights, self.least, self.returns)
            stacked = np.concatenate([(value - self.losses) * scale, self.prior @ (t - centre)])
            return stacked, np.vstack([jacobian * scale, self.prior])

        low, high = np.full(len(theta), -40.0), np.full(len(theta), 40.0)
        low[-3], high[-3] = np.log(0.01), np.log(20.0)
        low[-1], high[-1] = self.returns.bounds
        return least_squares(residuals, theta, evaluations, low=low, high=high)

    def starts(self) -> list[F64]:
        """Starting points from non-negative least squares of (loss - floor) ** (-1 / a) on (w_j + floor) ** b."""
        result = []
        powers = self.returns.base(self.weights) ** np.exp(self.returns.log_mean)
        for floor, exponent in STARTS:
            target = np.maximum(self.losses - floor * self.losses.min(), 1e-3) ** (-1 / exponent)
            gains = np.maximum(nnls(powers, target)[0], 0.2 * np.median(target))
            log_gains = np.log(gains)
            middle = float((log_gains - self.offset).mean())
            result.append(
                np.r_[log_gains, middle, np.log(exponent), np.log(floor / (1 - floor)), self.returns.log_mean]
            )
        return result

    def leave_one_out(self, theta: F64, jacobian: F64) -> float:
        """Mean squared error of left-out runs, by the leverage of each run in the linearised fit."""
        n = len(self.losses)
        inverse = np.linalg.pinv(jacobian.T @ jacobian)
        leverage = np.einsum("ij,jk,ik->i", jacobian[:n], inverse, jacobian[:n])
        residuals = self.losses - _value(theta, self.weights, self.least, self.returns)
        return float(((residuals / np.maximum(1 - leverage, 0.05)) ** 2).mean())

    def understated(self, solution: Solution, covariance: F64, noise_share: float) -> float:
        """By how much the residuals' variance passes the noise share in force; 1 at least."""
        n = len(self.losses)
        leverage = np.einsum("ij,jk,ik->", solution.jacobian[:n], covariance, solution.jacobian[:n])
        residuals = self.losses - _value(solution.theta, self.weights, self.least, self.returns)
        left = float(residuals @ residuals) / max(n - float(leverage), 1.0)
        return max(1.0, left / (noise_share * self.variance))


@dataclass(frozen=True)
class Power:
    """Trust-region least squares with the analytic Jacobian from three starts."""

    returns: Returns = EVEN

    @property
    def name(self) -> str:
        """`power` where tokens count evenly, `diminishing_power` where returns are learnt."""
        return DIMINISHING_POWER if self.returns.learnt else POWER

    def fit(self, weights: F64, losses: F64, *, own: int | None, start: Fitted | None = None) -> FittedPower:
        """With `start`, its noise share is kept and the search begins at its parameters."""
        problem = _Problem(weights, losses, own, float(losses.min()), self.returns)
        if isinstance(start, FittedPower):
            theta, noise_share = start.theta, start.noise_share
        else:
            theta, noise_share = self._search(problem)
        solution = problem.solve(theta, noise_share, 60 if start is None else 15)
        ceiling = float(losses.max() + 0.75 * np.ptp(losses))
        covariance: F64 = np.linalg.pinv(solution.jacobian.T @ solution.jacobian).astype(np.float64)
        covariance = covariance * problem.understated(solution, covariance, noise_share)
        return FittedPower(self.returns, solution.theta, problem.least, ceiling, noise_share, covariance)

    @staticmethod
    def _search(problem: _Problem) -> tuple[F64, float]:
        """The best start, and the noise share with the least leave-one-out error."""
        solutions = [problem.solve(theta, 0.02, 40) for theta in problem.starts()]
        theta = min(solutions, key=lambda s: s.cost).theta
        tried = []
        for noise_share in NOISE_SHARES:
            solution = problem.solve(theta, noise_share, 25)
            theta = solution.theta
            tried.append((problem.leave_one_out(theta, solution.jacobian), noise_share, theta))
        _, noise_share, theta = min(tried, key=lambda t: t[:2])
        return theta, noise_share
