"""What a design can show before anything is spent: the smallest gain on a target that its runs would tell from nothing.

Losses are taken to follow a power law of the weights, drawn from that law's prior, plus a smooth misfit. For each of some
draws the law is linearised at the truth, and what the runs leave unknown of its parameters and of the misfit gives a
candidate's gain over the reference mixture a standard deviation; a gain of 2.8 of them is shown at 95% (two-sided) four
times in five. On RegMix's runs the deviations so foretold were 0.7-1.1 times those of the law fitted on 24 of them, 0.6-1.6
times on 64 (four losses, two subsets each).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import threadpool_limits

from midmix.mixer.fit.swarm import noise_sd
from midmix.mixer.simplex import F64, I64, hellinger

SHOWN = 1.96 + 0.84  # standard deviations: 95% two-sided, seen with 80% chance
DRAWS = 48
LOG_GAIN_SD, OWN_BONUS = 1.5, 3.0  # the power law's prior, see laws/power.py
LOG_EXPONENT, LOG_EXPONENT_SD = np.log(0.4), 0.5
MISFIT = 0.02  # of the variance over mixtures, assumed; what is foretold with it was then compared as said above
MISFIT_WIDTH = 0.5  # Hellinger distance
LEVEL = 100.0  # variance of the unknown level, in variances over mixtures
BEST_SHARE = 0.1
LEAST_NOISE = 1e-6  # variances over mixtures; keeps repeats of a run without noise solvable


@dataclass(frozen=True)
class Prior:
    """Standard deviations of one target's loss over mixtures and over seeds, in one unit, and where they come from."""

    spread: float
    noise: float
    source: str


STATED = Prior(spread=0.1, noise=0.01, source="stated, no earlier run")  # bits per byte


@dataclass(frozen=True)
class Effect:
    """The smallest gain over the reference that shows, for the median candidate and for the best-covered tenth."""

    typical: float
    best: float


def prior_of(losses: F64, groups: I64, heldout_error: float | None = None) -> Prior | None:
    """What earlier runs say of a target: losses [n] of mixtures `groups` [n]. None where they cannot say.

    Without a repeated mixture the law's held-out error (root mean square, same unit) stands in for the noise, which it
    bounds from above.
    """
    spread = float(losses.std()) if len(np.unique(groups)) > 1 else 0.0
    if spread == 0:
        return None
    noise = noise_sd(losses, groups)
    if noise is not None:
        return Prior(spread, noise, f"{len(losses)} earlier runs, repeats among them")
    if heldout_error is not None:
        return Prior(spread, heldout_error, f"{len(losses)} earlier runs, none repeated: at most the law's error")
    return None


def smallest_effect(weights: F64, reference: F64, candidates: F64, prior: Prior, *, own: int | None) -> Effect:
    """What runs on `weights` [n, k] (repeats as rows) show of gains over `reference` [k] at `candidates` [m, k].

    `own` is the domain whose held-out text the target is. The same unit as the prior's.
    """
    points, n = np.vstack([weights, candidates]), len(weights)
    noise = max((prior.noise / prior.spread) ** 2, LEAST_NOISE)
    deviations = []
    with threadpool_limits(1):
        misfit = MISFIT * _misfit(weights, points, reference)
        misfit_variance = MISFIT * _misfit_variance(candidates, reference)
        for log_gains, log_exponent in _drawn_laws(weights.shape[1], own):
            slopes = _slopes(points, reference, log_gains, log_exponent, n)
            covariance = slopes[:n] @ slopes.T + misfit
            observed = covariance[:, :n] + LEVEL + noise * np.eye(n)
            cross = covariance[:, n:]
            explained = (cross * cho_solve(cho_factor(observed, lower=True), cross)).sum(axis=0)
            variance = (slopes[n:] ** 2).sum(axis=1) + misfit_variance - explained
            deviations.append(np.sqrt(np.maximum(variance, 0.0)))
    sd = prior.spread * np.median(deviations, axis=0)
    return Effect(SHOWN * float(np.median(sd)), SHOWN * float(np.quantile(sd, BEST_SHARE)))


def check_effect(prior: Prior, seeds: int) -> float:
    """The smallest gain that shows when two mixtures are run with `seeds` seeds each and compared directly."""
    return SHOWN * prior.noise * float(np.sqrt(2.0 / seeds))


def _drawn_laws(k: int, own: int | None) -> list[tuple[F64, float]]:
    """Log gains [k] and log exponents of power laws drawn from their prior."""
    rng = np.random.default_rng(0)
    log_gains = LOG_GAIN_SD * rng.standard_normal((DRAWS, k))
    if own is not None:
        log_gains[:, own] += OWN_BONUS
    log_exponents = LOG_EXPONENT + LOG_EXPONENT_SD * rng.standard_normal(DRAWS)
    return [(row, float(exponent)) for row, exponent in zip(log_gains, log_exponents, strict=True)]


def _slopes(points: F64, reference: F64, log_gains: F64, log_exponent: float, num_runs: int) -> F64:
    """How losses [p], less that of the reference, move with each parameter [k + 1] by one prior standard deviation.

    In units of the standard deviation of the law's losses over the runs, which are the first of `points` [p, k].
    """
    every = np.vstack([points, reference])
    gains, exponent = np.exp(log_gains), np.exp(log_exponent)
    effective = np.maximum(every @ gains, 1e-9)
    losses = effective**-exponent
    by_gain = -exponent * (losses / effective)[:, None] * every * gains * LOG_GAIN_SD
    by_exponent = -exponent * losses * np.log(effective) * LOG_EXPONENT_SD
    slopes = np.column_stack([by_gain, by_exponent]) / max(float(losses[:num_runs].std()), 1e-12)
    relative: F64 = slopes[:-1] - slopes[-1]
    return relative


def _misfit(left: F64, right: F64, reference: F64) -> F64:
    """Covariance [n, m] of a smooth function of unit variance, less its value at the reference."""
    kernel = _smooth(left, right) - _smooth(left, reference[None]) - _smooth(right, reference[None]).T + 1.0
    return kernel


def _misfit_variance(points: F64, reference: F64) -> F64:
    """The diagonal [p] of `_misfit`."""
    return 2.0 - 2.0 * _smooth(points, reference[None])[:, 0]


def _smooth(left: F64, right: F64) -> F64:
    kernel: F64 = np.exp(-0.5 * (hellinger(left, right) / MISFIT_WIDTH) ** 2)
    return kernel
