"""Intervals that hold what they promise: a law's own deviations, corrected by its errors on mixtures that it did not see.

Three corrections, all learnt inside the training runs. (1) Deviations are widened or narrowed by exp(a + b x), x the
predicted level in sds of the runs, so that intervals are right among the good mixtures as well as among the bad. (2) The
noise of single runs is told from the law's ignorance by repeated mixtures where there are any, and by the
law's own guess. (3) The joint covariance is scaled once more, until differences between two mixtures that were left out
together have the spread they should.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from midmix.mixer.laws.law import Differentiable, Fitted
from midmix.mixer.simplex import F64, I64

Z90 = 1.6448536269514722  # half of the 90% interval in sds
SCALE_PRIOR, SLOPE_PRIOR = 0.7, 0.25  # sds of a and of b
SCALE_BOUNDS, SLOPE_BOUNDS = (-2.0, 3.0), (-0.7, 0.7)  # of a and of b
FARTHEST_LEVEL = 2.5  # levels beyond count as this one: no run is there to learn from
CORNER = 0.1  # width, in logarithms, over which the quantile loss is rounded off
QUANTILE_LOSS = 0.3  # what one unit of log-likelihood is worth in quantile loss, about
LEAST_SD, LEAST_SHARE = 1e-9, 1e-3
PRIOR_PAIRS = 60  # pairs that a joint scale of 1 counts as
LEAST_JOINT, MOST_JOINT = 0.8, 3.0


@dataclass(frozen=True)
class Fold:
    """Runs `rows` [m] left out together: what a law without them said, mean [m] and covariance [m, m], and the losses."""

    rows: I64
    mean: F64
    covariance: F64
    measured: F64
    groups: I64


@dataclass(frozen=True)
class Calibrated:
    """A fitted law with corrected deviations. `noise_sd` is that of single runs of one mixture."""

    fitted: Fitted
    centre: float
    spread: float
    scale: float
    slope: float
    joint_scale: float
    noise_sd: float

    def predict(self, weights: F64) -> F64:
        """Expected loss [m]."""
        return self.fitted.predict(weights)

    def predict_with_sd(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and its calibrated deviation [m], noise of single runs left out."""
        mean, sd = self.fitted.predict_with_sd(weights)
        return mean, sd * self._factor(mean)

    def predict_outcome(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and the deviation [m] of what one run would measure."""
        mean, sd = self.fitted.predict_with_sd(weights)
        return mean, np.hypot(sd, self.noise_sd) * self._factor(mean)

    def predict_joint(self, weights: F64) -> tuple[F64, F64]:
        """Expected loss [m] and covariance [m, m] whose differences are calibrated, noise of single runs left out."""
        mean, covariance = self.fitted.predict_joint(weights)
        factor = self.joint_scale * self._factor(mean)
        return mean, covariance * factor[:, None] * factor

    def gradient(self, weights: F64) -> F64:
        """Derivative [m, k] of the expected loss. Raises TypeError where the law has none."""
        if not isinstance(self.fitted, Differentiable):
            raise TypeError(f"{type(self.fitted).__name__} has no gradient")
        return self.fitted.gradient(weights)

    def _factor(self, mean: F64) -> F64:
        factor: F64 = self.scale * np.exp(self.slope * _level(mean, self.centre, self.spread))
        return factor


def _level(mean: F64, centre: float, spread: float) -> F64:
    return np.clip((mean - centre) / spread, -FARTHEST_LEVEL, FARTHEST_LEVEL)


def calibrate(fitted: Fitted, folds: Sequence[Fold], noise_guess: float | None) -> Calibrated:
    """The corrections for `fitted` from its held-out folds. `noise_guess` is a law's of single runs."""
    mean, measured = (np.concatenate([getattr(fold, name) for fold in folds]) for name in ("mean", "measured"))
    groups = np.concatenate([fold.groups for fold in folds])
    noise = noise_between(measured, groups, noise_guess)
    sd = np.concatenate([np.sqrt(np.maximum(np.diag(fold.covariance), 0.0)) for fold in folds])
    centre, spread = float(measured.mean()), max(float(measured.std()), LEAST_SD)
    total = np.maximum(np.hypot(sd, noise), LEAST_SHARE * spread + LEAST_SD)
    scale, slope = fit_scale(np.abs(mean - measured), total, _level(mean, centre, spread))
    before = Calibrated(fitted, centre, spread, scale, slope, 1.0, noise)
    return replace(before, joint_scale=fit_joint_scale(folds, before))


def fit_scale(errors: F64, sd: F64, level: F64) -> tuple[float, float]:
    """e^a and b such that 0.9 of the errors [n] lie within 1.645 sd e^(a + b level), shrunk towards a = b = 0.

    The quantile loss of log-ratios at 0.9, rounded off at its corner so that one run moves it smoothly.
    """
    ratios = np.log(np.maximum(errors, 1e-6 * sd) / (Z90 * sd))

    def loss(parameters: F64) -> float:
        apart = (ratios - parameters[0] - parameters[1] * level) / CORNER
        # 0.9 on the positive side, 0.1 on the negative one, as a softplus
        pinball = CORNER * (np.logaddexp(0.0, apart) - 0.1 * apart)
        prior = 0.5 * (parameters[0] / SCALE_PRIOR) ** 2 + 0.5 * (parameters[1] / SLOPE_PRIOR) ** 2
        return float(pinball.sum() + QUANTILE_LOSS * prior)

    found = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=(SCALE_BOUNDS, SLOPE_BOUNDS))
    return float(np.exp(found.x[0])), float(found.x[1])


def fit_joint_scale(folds: Sequence[Fold], calibrated: Calibrated) -> float:
    """By how much differences between mixtures left out together are wider than marginals say, shrunk towards 1."""
    ratios = []
    for fold in folds:
        factor = calibrated._factor(fold.mean)
        total = fold.covariance * factor[:, None] * factor + np.diag((calibrated.noise_sd * factor) ** 2)
        error = fold.mean - fold.measured
        left, right = np.nonzero(np.triu(fold.groups[:, None] != fold.groups[None, :], 1))
        variance = np.diag(total)[left] + np.diag(total)[right] - 2 * total[left, right]
        ratios.append(np.abs(error[left] - error[right]) / np.sqrt(np.maximum(variance, LEAST_SD**2)))
    found = np.concatenate(ratios)
    if not len(found):
        return 1.0
    log_ratio = np.log(max(float(np.quantile(found, 0.9)) / Z90, 1e-9))
    shrunk = np.exp(log_ratio * len(found) / (len(found) + PRIOR_PAIRS))
    return float(np.clip(shrunk, LEAST_JOINT, MOST_JOINT))


def noise_between(measured: F64, groups: I64, noise_guess: float | None) -> float:
    """Deviation of single runs: pooled over repeated mixtures, the law's guess counting as three degrees of freedom."""
    names, inverse = np.unique(groups, return_inverse=True)
    means = np.bincount(inverse, measured) / np.bincount(inverse)
    squares, freedom = float(((measured - means[inverse]) ** 2).sum()), len(measured) - len(names)
    if noise_guess is None:
        return float(np.sqrt(squares / freedom)) if freedom else 0.0
    return float(np.sqrt((squares + 3 * noise_guess**2) / (freedom + 3)))
