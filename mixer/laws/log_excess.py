"""The default law: the loss above its floor, on a logarithmic scale, by several processes around power laws.

Decisions are made among good mixtures, where losses lie close to their floor; on a logarithmic scale their differences
are as large as those among bad ones. With the power laws f(w) = c + (sum_j u_j (w_j + floor) ** b) ** -a of `power`
(each with its floor c lowered to min(c, min f - gap), the gap 0.05 of the range of f over the runs or 0.02 of its least):

- power: the one with diminishing returns itself;
- around: processes on log(y - c) - log(f - c) around it, one on log-weights and one on the square roots of weights;
- learnt: the same on log(y - c), the law's parameters learnt together with the residual (`learnt_power`);
- even: the same around the power law whose tokens count evenly, since unlike laws err apart.

Runs are noisy evenly in y, not in its logarithm: noise is a part even in the logarithm and a part of variance 1 /
(expected excess)^2, both by marginal likelihood, and the logarithm is taken to first order around the expected excess
(`response`).

The prediction is the mean of the parts by SHARES, each taken back to losses. Shares by held-out error were tried and gave
nothing: the parts err alike, and too few runs tell them apart. Nor did a prior of the gains shared by several losses,
learnt from all of them: less than 0.0005 in rank correlation. Source: midmix's own measurements on RegMix's swarm
(`benchmarks/mixing.py`), shares and priors inside its training runs: 32 of them rank the other 480 at 0.977 (0.962 with
even returns alone), 64 at 0.985 (0.980).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from midmix.mixer.laws.law import Fitted
from midmix.mixer.laws.learnt_power import FORMS, UNEVEN_PRIOR, WARM_STEPS, LearntPower
from midmix.mixer.laws.process import Prior, Process, fit_process
from midmix.mixer.laws.returns import DIMINISHING, EVEN
from midmix.mixer.laws.trend import Constant
from midmix.mixer.simplex import F64

AROUND_PRIOR = Prior(linear=(0.0, 2.0), radial=(0.0, 2.0), noise=(float(np.log(0.03)), 3.0), uneven=UNEVEN_PRIOR)
STEPS = 60
SHARES = {"power": 0.1, "around": 0.2, "learnt": 0.5, "even": 0.2}
LEAST_EXCESS = 0.02  # of the least one that the power law expects of the runs: none is taken for smaller elsewhere


@dataclass(frozen=True)
class _Part:
    """Processes' share, the law whose floor and ceiling hold, and whether they are around it or have learnt it."""

    share: float
    law: LearntPower
    process: Process
    around: bool


@dataclass(frozen=True)
class FittedLogExcess:
    """Both learnt laws, the processes around the first, the least excess, and the deviation of runs of one mixture."""

    learnt: LearntPower
    even: LearntPower
    around: tuple[Process, ...]
    least_excess: float
    noise_sd: float

    def predict(self, weights: F64) -> F64:
        """Expected loss [m]."""
        total = SHARES["power"] * self.learnt.power.predict(weights)
        for part in self._parts():
            total = total + part.share * (part.law.floor + self._excess(part, weights, part.process.predict(weights)))
        return total

    def predict_with_sd(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and the standard deviation [m] of the mixture of the parts' beliefs."""
        mean, sd = self.learnt.power.predict_with_sd(weights)
        shares, means, variances = [SHARES["power"]], [mean], [sd**2]
        for part in self._parts():
            log_mean, variance = part.process.predict_with_variance(weights)
            excess = self._excess(part, weights, log_mean)
            shares.append(part.share)
            means.append(part.law.floor + excess)
            variances.append(excess**2 * variance)
        centre = np.einsum("i,ij->j", shares, means)
        spread = (np.array(means) - centre) ** 2 + np.array(variances)
        return centre, np.sqrt(np.einsum("i,ij->j", shares, spread))

    def predict_joint(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and the covariance [m, m] of the mixture of the parts' beliefs."""
        mean, covariance = self.learnt.power.predict_joint(weights)
        shares, means, total = [SHARES["power"]], [mean], SHARES["power"] * covariance
        for part in self._parts():
            log_mean, covariance = part.process.predict_joint(weights)
            excess = self._excess(part, weights, log_mean)
            shares.append(part.share)
            means.append(part.law.floor + excess)
            total = total + part.share * (excess[:, None] * covariance * excess)
        centre = np.einsum("i,ij->j", shares, means)
        apart = np.array(means) - centre
        return centre, total + np.einsum("i,ij,ik->jk", shares, apart, apart)

    def gradient(self, weights: F64) -> F64:
        """Derivative [m, k] of the expected loss by each weight, before clipping."""
        power = self.learnt.power.gradient(weights)
        total = SHARES["power"] * power
        around = power / self._power_excess(weights)[:, None]
        for part in self._parts():
            slope = part.process.gradient(weights)
            if part.around:
                slope = slope + around
            total = total + part.share * self._excess(part, weights, part.process.predict(weights))[:, None] * slope
        return total

    def _power_excess(self, weights: F64) -> F64:
        return np.maximum(self.learnt.power.predict(weights) - self.learnt.floor, self.least_excess)

    def _excess(self, part: _Part, weights: F64, log_mean: F64) -> F64:
        """The excess [m] that a part's answer means, at most up to the ceiling."""
        total = log_mean + np.log(self._power_excess(weights)) if part.around else log_mean
        excess: F64 = np.exp(np.minimum(total, np.log(part.law.power.ceiling - part.law.floor)))
        return excess

    def _parts(self) -> list[_Part]:
        each = 1 / len(FORMS)
        return [
            *(_Part(SHARES["around"] * each, self.learnt, process, True) for process in self.around),
            *(_Part(SHARES["learnt"] * each, self.learnt, process, False) for process in self.learnt.processes),
            *(_Part(SHARES["even"] * each, self.even, process, False) for process in self.even.processes),
        ]


class LogExcess:
    """The power laws first; the processes start at their answers."""

    name = "log_excess"

    def fit(self, weights: F64, losses: F64, *, own: int | None, start: Fitted | None = None) -> FittedLogExcess:
        """With `start`, its hyper-parameters are where short searches begin; power laws keep their noise share."""
        before = start if isinstance(start, FittedLogExcess) else None
        near = before.predict(weights) if before else None
        learnt, even = (
            LearntPower.fit(weights, losses, own=own, returns=returns, start=earlier, near=near)
            for returns, earlier in (
                (DIMINISHING, before.learnt if before else None),
                (EVEN, before.even if before else None),
            )
        )
        response = learnt.response(weights, losses)
        expected = learnt.power.predict(weights) - learnt.floor
        around = _processes(
            weights, response.logs - np.log(expected), response.profile, before.around if before else (None, None)
        )
        noise = float(np.sqrt(np.mean([response.noise(process) for process in learnt.processes])))
        return FittedLogExcess(learnt, even, around, LEAST_EXCESS * float(expected.min()), noise)


def _processes(weights: F64, values: F64, profile: F64, before: tuple[Process | None, ...]) -> tuple[Process, ...]:
    """A process around a constant for each form of the weights."""
    trend = Constant(float(values.mean()))
    return tuple(
        fit_process(
            weights,
            values,
            trend,
            form,
            AROUND_PRIOR,
            hyper=earlier.hyper if earlier else None,
            steps=WARM_STEPS if earlier else STEPS,
            profile=profile,
        )
        for form, earlier in zip(FORMS, before, strict=True)
    )
