"""A power law above its floor whose parameters are learnt together with a process of what it leaves over.

log(y - c) is a Gaussian process around -a log sum_j e^(t_j) (w_j + floor) ** b, linearised at its mode: t_j ~ N(t_0 + 3
[own domain], 1.5^2; own 3^2), t_0 ~ N(0, 5^2), log a ~ N(log 0.4, 0.5^2), b by its prior (`returns`). The floor c is that
of the power law fitted first, lowered to well under the least expected loss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from midmix.mixer.laws.features import LOG, SQRT, Features
from midmix.mixer.laws.least_squares import least_squares
from midmix.mixer.laws.power import LOG_GAIN_SD, OWN_BONUS, OWN_PRIOR, FittedPower, Power
from midmix.mixer.laws.process import NOISE, RADIAL, UNEVEN, Prior, Process, fit_process
from midmix.mixer.laws.response import Response, floor_under
from midmix.mixer.laws.returns import Returns
from midmix.mixer.laws.trend import LogPower, log_power
from midmix.mixer.simplex import F64

UNEVEN_PRIOR = (float(np.log(0.01)), 3.0)
LEARNT_PRIOR = Prior(
    linear=None, radial=(float(np.log(0.1)), 2.0), noise=(float(np.log(0.005)), 3.0), uneven=UNEVEN_PRIOR
)
LEVEL_SD, LOG_EXPONENT, LOG_EXPONENT_SD = 5.0, float(np.log(0.4)), 0.5
ROUNDS, ROUND_STEPS = 4, 40
WARM_ROUNDS, WARM_STEPS = 1, 6
FIRST_LEFT_OVER = 0.05
LEAST_SHARE = 0.3
FORMS = (LOG, SQRT)


@dataclass(frozen=True)
class LearntPower:
    """The power law fitted alone, its floor, and a process around the learnt law for each form of the weights."""

    power: FittedPower
    floor: float
    processes: tuple[Process, ...]

    @classmethod
    def fit(
        cls,
        weights: F64,
        losses: F64,
        *,
        own: int | None,
        returns: Returns,
        start: LearntPower | None,
        near: F64 | None,
    ) -> LearntPower:
        """On n runs. `start` is a fit on nearly the same runs, `near` [n] the losses that it expects of these."""
        power = Power(returns).fit(weights, losses, own=own, start=start.power if start else None)
        expected = power.predict(weights)
        floor = floor_under(expected, power.floor)
        low, high = cls(power, floor, ()).range_of_excess(weights)
        first = Response.around(losses, floor, np.maximum((expected if near is None else near) - floor, low))
        theta = np.r_[power.theta[: weights.shape[1]], power.theta[-3], power.theta[-1]]
        processes = tuple(
            _Learner(weights, losses, floor, own, form, returns, low, high).learn(theta, first, earlier)
            for form, earlier in zip(FORMS, start.processes if start else (None, None), strict=True)
        )
        return cls(power, floor, processes)

    def range_of_excess(self, weights: F64) -> tuple[float, float]:
        """Least and greatest excess that is believed at the runs."""
        return LEAST_SHARE * (float(self.power.predict(weights).min()) - self.floor), self.power.ceiling - self.floor

    def response(self, weights: F64, losses: F64) -> Response:
        """The losses [n] around what the processes together expect."""
        smooth = np.mean([np.exp(process.predict(weights)) for process in self.processes], axis=0)
        return Response.around(losses, self.floor, np.clip(smooth, *self.range_of_excess(weights)))


@dataclass(frozen=True)
class _Learner:
    """A process around a power law whose parameters it learns, linearised anew in each round at their mode."""

    weights: F64
    losses: F64
    floor: float
    own: int | None
    form: Features
    returns: Returns
    lowest: float
    highest: float

    def learn(self, theta: F64, response: Response, before: Process | None) -> Process:
        """Rounds of mode, process and response; a short one from an earlier fit."""
        centre, covariance = _power_prior(self.weights.shape[1], self.own, self.returns)
        precision_root = np.linalg.cholesky(np.linalg.inv(covariance + 1e-9 * np.eye(len(centre)))).T
        hyper = before.hyper if before else None
        rounds, steps = (WARM_ROUNDS, WARM_STEPS) if before else (ROUNDS, ROUND_STEPS)
        low, high = np.full(len(centre), -40.0), np.full(len(centre), 40.0)
        low[-2], high[-2] = np.log(0.01), np.log(20.0)
        low[-1], high[-1] = self.returns.bounds
        for _ in range(rounds):
            residuals = self._residuals(response, self._left_over(hyper, response), precision_root, centre)
            theta = least_squares(residuals, theta, 30, low=low, high=high).theta
            process = fit_process(
                self.weights,
                response.logs,
                LogPower(self.returns, theta, centre, covariance),
                self.form,
                LEARNT_PRIOR,
                hyper=hyper,
                steps=steps,
                profile=response.profile,
            )
            hyper = process.hyper
            smooth = np.clip(np.exp(process.predict(self.weights)), self.lowest, self.highest)
            response = Response.around(self.losses, self.floor, smooth)
        return process

    def _left_over(self, hyper: F64 | None, response: Response) -> F64:
        """Deviation [n] of what the power law alone leaves over: the noise and a third of the residual process."""
        if hyper is None:
            return np.full(len(response.logs), FIRST_LEFT_OVER)
        noise = np.exp(hyper[NOISE]) + np.exp(hyper[UNEVEN]) * response.profile
        variance = max(float(response.logs.var()), 1e-12)
        sd: F64 = np.sqrt(variance * (noise + 0.3 * np.exp(hyper[RADIAL])))
        return sd

    def _residuals(
        self, response: Response, noise_sd: F64, precision_root: F64, centre: F64
    ) -> Callable[[F64], tuple[F64, F64]]:
        def residuals(theta: F64) -> tuple[F64, F64]:
            value, jacobian = log_power(theta, self.weights, self.returns)
            stacked = np.concatenate([(value - response.logs) / noise_sd, precision_root @ (theta - centre)])
            return stacked, np.vstack([jacobian / noise_sd[:, None], precision_root])

        return residuals


def _power_prior(k: int, own: int | None, returns: Returns) -> tuple[F64, F64]:
    """Mean [k + 2] and covariance [k + 2, k + 2] of (t_1 ... t_k, log a, log b); the common level t_0 is integrated out."""
    centre, sd = np.zeros(k + 2), np.full(k, LOG_GAIN_SD)
    centre[k], centre[k + 1] = LOG_EXPONENT, returns.log_mean
    if own is not None:
        centre[own], sd[own] = OWN_BONUS, LOG_GAIN_SD / OWN_PRIOR
    covariance = np.zeros((k + 2, k + 2))
    covariance[:k, :k] = np.diag(sd**2) + LEVEL_SD**2
    covariance[k, k], covariance[k + 1, k + 1] = LOG_EXPONENT_SD**2, returns.log_sd**2
    return centre, covariance
