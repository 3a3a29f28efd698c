"""The default law: the loss above its floor, on a logarithmic scale, by several processes around a power law.

Decisions are made among good mixtures, where losses lie close to their floor; on a logarithmic scale their differences
are as large as those among bad ones. With the power law f(w) = c + (sum_j u_j w_j) ** -a of `power` (its floor c lowered to
min(c, min f - gap), the gap 0.05 of the range of f over the runs or 0.02 of its least) and z = log(y - c):

- power: f itself;
- plain: processes on z, one on log-weights and one on the square roots of weights;
- around: the same on z - log(f - c);
- learnt: the same on z around -a log sum_j w_j e^(t_j), whose t and a are learnt together with the residual: linearised at
  their mode, t_j ~ N(t_0 + 3 [own domain], 1.5^2; own 3^2), t_0 ~ N(0, 5^2), log a ~ N(log 0.4, 0.5^2).

Runs are noisy evenly in y, not in z: noise is a part even in z and a part of variance 1 / (expected excess)^2, both by
marginal likelihood, and z is taken to first order around the expected excess, again in each round (`_Response`).

The prediction is the mean of the parts by SHARES, each taken back to losses. Shares by held-out error were tried and gave
nothing: the parts err alike, and too few runs tell them apart. Source: midmix's own measurements on RegMix's
swarm (`benchmarks/mixing.py`): it ranks the good mixtures from 64 runs as well as LightGBM from 512.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from midmix.mixer.laws.features import LOG, SQRT, Features
from midmix.mixer.laws.law import Fitted
from midmix.mixer.laws.least_squares import least_squares
from midmix.mixer.laws.power import LOG_GAIN_SD, OWN_BONUS, OWN_PRIOR, FittedPower, Power
from midmix.mixer.laws.process import NOISE, RADIAL, UNEVEN, Prior, Process, fit_process
from midmix.mixer.laws.trend import Constant, LogPower, log_power
from midmix.mixer.simplex import F64

GAP_OF_RANGE, GAP_OF_LEAST, LEAST_GAP = 0.05, 0.02, 1e-6
UNEVEN_PRIOR = (float(np.log(0.01)), 3.0)
PLAIN_PRIOR = Prior(linear=(0.0, 2.0), radial=(0.0, 2.0), noise=(float(np.log(0.03)), 3.0), uneven=UNEVEN_PRIOR)
LEARNT_PRIOR = Prior(
    linear=None, radial=(float(np.log(0.1)), 2.0), noise=(float(np.log(0.005)), 3.0), uneven=UNEVEN_PRIOR
)
LEVEL_SD, LOG_EXPONENT, LOG_EXPONENT_SD = 5.0, float(np.log(0.4)), 0.5
ROUNDS, ROUND_STEPS, STEPS = 4, 40, 60
WARM_ROUNDS, WARM_STEPS = 1, 6
FIRST_LEFT_OVER = 0.05
LONGEST_STEP, LEAST_SHARE = 3.0, 0.3
SHARES = {"power": 1 / 6, "plain": 1 / 6, "around": 1 / 6, "learnt": 1 / 2}
LEAST_EXCESS = 0.02  # of the least one that the power law expects of the runs: none is taken for smaller elsewhere
FORMS = (LOG, SQRT)
NOTHING = (None, None)


@dataclass(frozen=True)
class FittedLogExcess:
    """The power law, the floor, two processes per part, the least excess, and the deviation of runs of one mixture."""

    power: FittedPower
    floor: float
    plain: tuple[Process, ...]
    around: tuple[Process, ...]
    learnt: tuple[Process, ...]
    least_excess: float
    noise_sd: float

    def predict(self, weights: F64) -> F64:
        """Expected loss [m]."""
        total = SHARES["power"] * self.power.predict(weights)
        for share, log_offset, process in self._parts(weights):
            total = total + share * (self.floor + np.exp(self._capped(log_offset + process.predict(weights))))
        return total

    def predict_with_sd(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and the standard deviation [m] of the mixture of the parts' beliefs."""
        mean, sd = self.power.predict_with_sd(weights)
        shares, means, variances = [SHARES["power"]], [mean], [sd**2]
        for share, log_offset, process in self._parts(weights):
            log_mean, variance = process.predict_with_variance(weights)
            excess = np.exp(self._capped(log_offset + log_mean))
            shares.append(share)
            means.append(self.floor + excess)
            variances.append(excess**2 * variance)
        centre = np.einsum("i,ij->j", shares, means)
        spread = (np.array(means) - centre) ** 2 + np.array(variances)
        return centre, np.sqrt(np.einsum("i,ij->j", shares, spread))

    def predict_joint(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and the covariance [m, m] of the mixture of the parts' beliefs."""
        mean, covariance = self.power.predict_joint(weights)
        shares, means, total = [SHARES["power"]], [mean], SHARES["power"] * covariance
        for share, log_offset, process in self._parts(weights):
            log_mean, covariance = process.predict_joint(weights)
            excess = np.exp(self._capped(log_offset + log_mean))
            shares.append(share)
            means.append(self.floor + excess)
            total = total + share * (excess[:, None] * covariance * excess)
        centre = np.einsum("i,ij->j", shares, means)
        apart = np.array(means) - centre
        return centre, total + np.einsum("i,ij,ik->jk", shares, apart, apart)

    def gradient(self, weights: F64) -> F64:
        """Derivative [m, k] of the expected loss by each weight, before clipping."""
        power = self.power.gradient(weights)
        total = SHARES["power"] * power
        around = power / self._power_excess(weights)[:, None]
        for place, (share, log_offset, process) in enumerate(self._parts(weights)):
            slope = process.gradient(weights)
            if len(FORMS) <= place < 2 * len(FORMS):
                slope = slope + around
            excess = np.exp(self._capped(log_offset + process.predict(weights)))
            total = total + share * excess[:, None] * slope
        return total

    def _power_excess(self, weights: F64) -> F64:
        return np.maximum(self.power.predict(weights) - self.floor, self.least_excess)

    def _capped(self, log_excess: F64) -> F64:
        return np.minimum(log_excess, np.log(self.power.ceiling - self.floor))

    def _parts(self, weights: F64) -> list[tuple[float, F64 | float, Process]]:
        """Share, offset on the logarithmic scale and process of each part but the first."""
        offset = np.log(self._power_excess(weights))
        each = 1 / len(FORMS)
        return [
            *((SHARES["plain"] * each, 0.0, process) for process in self.plain),
            *((SHARES["around"] * each, offset, process) for process in self.around),
            *((SHARES["learnt"] * each, 0.0, process) for process in self.learnt),
        ]


@dataclass(frozen=True)
class _Response:
    """Losses on the logarithmic scale around a smooth excess e [n] at the same runs.

    `logs` are log e + (y - floor - e) / e: log(y - floor) to first order, but without its heavy tail where noise takes a
    loss near the floor. `profile` is the variance that even noise of the losses has on this scale, up to a factor.
    """

    logs: F64
    profile: F64
    excess: F64

    @classmethod
    def around(cls, losses: F64, floor: float, excess: F64) -> _Response:
        """The response for an excess [n] above 0."""
        step = np.clip((losses - floor - excess) / excess, -LONGEST_STEP, LONGEST_STEP)
        return cls(np.log(excess) + step, (np.median(excess) / excess) ** 2, excess)

    def noise(self, process: Process) -> float:
        """Variance of single runs' losses that a process on this response found."""
        return float(process.uneven_noise * np.median(self.excess) ** 2 + process.noise * np.median(self.excess) ** 2)


def floor_under(expected: F64, fitted: float) -> float:
    """The floor of the law: the fitted one, but well under the least expected loss, so that logarithms stay small."""
    least = float(expected.min())
    return min(fitted, least - max(GAP_OF_RANGE * float(np.ptp(expected)), GAP_OF_LEAST * abs(least), LEAST_GAP))


class LogExcess:
    """The power law first; the processes start at its answers."""

    name = "log_excess"

    def fit(self, weights: F64, losses: F64, *, own: int | None, start: Fitted | None = None) -> FittedLogExcess:
        """With `start`, its hyper-parameters are where short searches begin; the power law keeps its noise share."""
        before = start if isinstance(start, FittedLogExcess) else None
        power = Power().fit(weights, losses, own=own, start=before.power if before else None)
        expected = power.predict(weights)
        floor = floor_under(expected, power.floor)
        lowest, highest = LEAST_SHARE * (float(expected.min()) - floor), power.ceiling - floor
        near = expected if before is None else before.predict(weights)
        first = _Response.around(losses, floor, np.maximum(near - floor, lowest))
        theta = np.r_[power.theta[: weights.shape[1]], power.theta[-2]]
        learnt = tuple(
            _Learner(weights, losses, floor, own, form, lowest, highest).learn(theta, first, earlier)
            for form, earlier in zip(FORMS, before.learnt if before else NOTHING, strict=True)
        )
        smooth = np.mean([np.exp(process.predict(weights)) for process in learnt], axis=0)
        response = _Response.around(losses, floor, np.clip(smooth, lowest, highest))
        beside = response.logs - np.log(expected - floor)
        plain = _processes(weights, response.logs, response.profile, before.plain if before else NOTHING)
        around = _processes(weights, beside, response.profile, before.around if before else NOTHING)
        noise = float(np.sqrt(np.mean([response.noise(process) for process in learnt])))
        least = LEAST_EXCESS * (float(expected.min()) - floor)
        return FittedLogExcess(power, floor, plain, around, learnt, least, noise)


def _processes(weights: F64, values: F64, profile: F64, before: tuple[Process | None, ...]) -> tuple[Process, ...]:
    """A process around a constant for each form of the weights."""
    trend = Constant(float(values.mean()))
    return tuple(
        fit_process(
            weights,
            values,
            trend,
            form,
            PLAIN_PRIOR,
            hyper=earlier.hyper if earlier else None,
            steps=WARM_STEPS if earlier else STEPS,
            profile=profile,
        )
        for form, earlier in zip(FORMS, before, strict=True)
    )


@dataclass(frozen=True)
class _Learner:
    """A process around a power law whose parameters it learns, linearised anew in each round at their mode."""

    weights: F64
    losses: F64
    floor: float
    own: int | None
    form: Features
    lowest: float
    highest: float

    def learn(self, theta: F64, response: _Response, before: Process | None) -> Process:
        """Rounds of mode, process and response; a short one from an earlier fit."""
        centre, covariance = _power_prior(self.weights.shape[1], self.own)
        precision_root = np.linalg.cholesky(np.linalg.inv(covariance + 1e-9 * np.eye(len(centre)))).T
        hyper = before.hyper if before else None
        rounds, steps = (WARM_ROUNDS, WARM_STEPS) if before else (ROUNDS, ROUND_STEPS)
        low, high = np.full(len(centre), -40.0), np.full(len(centre), 40.0)
        low[-1], high[-1] = np.log(0.01), np.log(20.0)
        for _ in range(rounds):
            residuals = _residuals(
                self.weights, response.logs, self._left_over(hyper, response), precision_root, centre
            )
            theta = least_squares(residuals, theta, 30, low=low, high=high).theta
            trend = LogPower(theta, centre, covariance)
            process = fit_process(
                self.weights,
                response.logs,
                trend,
                self.form,
                LEARNT_PRIOR,
                hyper=hyper,
                steps=steps,
                profile=response.profile,
            )
            hyper = process.hyper
            smooth = np.clip(np.exp(process.predict(self.weights)), self.lowest, self.highest)
            response = _Response.around(self.losses, self.floor, smooth)
        return process

    def _left_over(self, hyper: F64 | None, response: _Response) -> F64:
        """Deviation [n] of what the power law alone leaves over: the noise and a third of the residual process."""
        if hyper is None:
            return np.full(len(response.logs), FIRST_LEFT_OVER)
        noise = np.exp(hyper[NOISE]) + np.exp(hyper[UNEVEN]) * response.profile
        variance = max(float(response.logs.var()), 1e-12)
        sd: F64 = np.sqrt(variance * (noise + 0.3 * np.exp(hyper[RADIAL])))
        return sd


def _power_prior(k: int, own: int | None) -> tuple[F64, F64]:
    """Mean [k + 1] and covariance [k + 1, k + 1] of (t_1 ... t_k, log a); the common level t_0 is integrated out."""
    centre, sd = np.zeros(k + 1), np.full(k, LOG_GAIN_SD)
    centre[k] = LOG_EXPONENT
    if own is not None:
        centre[own], sd[own] = OWN_BONUS, LOG_GAIN_SD / OWN_PRIOR
    covariance = np.zeros((k + 1, k + 1))
    covariance[:k, :k] = np.diag(sd**2) + LEVEL_SD**2
    covariance[k, k] = LOG_EXPONENT_SD**2
    return centre, covariance


def _residuals(
    weights: F64, logs: F64, noise_sd: F64, precision_root: F64, centre: F64
) -> Callable[[F64], tuple[F64, F64]]:
    def residuals(theta: F64) -> tuple[F64, F64]:
        value, jacobian = log_power(theta, weights)
        stacked = np.concatenate([(value - logs) / noise_sd, precision_root @ (theta - centre)])
        return stacked, np.vstack([jacobian / noise_sd[:, None], precision_root])

    return residuals
