"""What is asked for (targets, bounds, caps), and what the laws say of a mixture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from midmix.errors import InputError
from midmix.mixer.fit.heldout import MetricFit, fit_metric
from midmix.mixer.fit.swarm import Swarm, noise_sd
from midmix.mixer.laws import LAWS
from midmix.mixer.laws.law import Fitted
from midmix.mixer.simplex import F64

ONE_SIDED_90 = 1.28  # of the normal distribution: plug-in bounds were broken in every test, this margin kept all


@dataclass(frozen=True)
class Goals:
    """Targets as name -> (metric, weight; they sum to 1), retained sets as name -> (metric, largest rise in bits per byte)."""

    targets: Mapping[str, tuple[str, float]]
    retain: Mapping[str, tuple[str, float]]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics of targets, then of retained sets, each once."""
        return tuple(dict.fromkeys(metric for metric, _ in (*self.targets.values(), *self.retain.values())))

    @property
    def target_weights(self) -> F64:
        """Weight of each of `metrics` [t] in the objective."""
        weights = dict.fromkeys(self.metrics, 0.0)
        for metric, weight in self.targets.values():
            weights[metric] += weight
        return np.array(list(weights.values()))


@dataclass(frozen=True)
class Predictor:
    """The laws in force for the metrics of the goals (t of them), and how much their own deviations are widened."""

    fits: tuple[Fitted, ...]
    sd_scale: F64

    def mean(self, weights: F64) -> F64:
        """Expected losses [m, t] at `weights` [m, k]."""
        return np.column_stack([fitted.predict(weights) for fitted in self.fits])

    def sd(self, weights: F64, column: int) -> F64:
        """Standard deviation [m] of one expected loss, widened to what left-out mixtures showed."""
        deviation: F64 = self.fits[column].predict_with_sd(weights)[1] * self.sd_scale[column]
        return deviation


@dataclass(frozen=True)
class Bound:
    """`expected loss + 1.28 sd <= limit` for one column of the predictor. `level_sd` is that of the control's level."""

    name: str
    column: int
    level: float
    max_rise: float
    level_sd: float

    def excess(self, weights: F64, mean: F64, predictor: Predictor) -> F64:
        """By how much each of `weights` [m, k] breaks the bound [m], bits per byte; 0 or less is kept."""
        sd = np.hypot(predictor.sd(weights, self.column), self.level_sd)
        excess: F64 = mean[:, self.column] + ONE_SIDED_90 * sd - self.level - self.max_rise
        return excess


@dataclass(frozen=True)
class Evidenced:
    """One swarm's fits for the goals: what predictions, bounds and evidence are made from."""

    swarm: Swarm
    goals: Goals
    fits: tuple[MetricFit, ...]

    @property
    def losses(self) -> F64:
        """Measured losses [n, t] of the goals' metrics."""
        return np.column_stack([self.swarm.series(metric) for metric in self.goals.metrics])

    @property
    def heldout(self) -> F64:
        """Predictions [n, t] by the laws in force, each run's mixture left out."""
        return np.column_stack([fit.heldout[fit.chosen].predicted for fit in self.fits])

    @property
    def noise(self) -> F64:
        """Standard deviation over seeds [t]; NaN without repeated mixtures."""
        found = [noise_sd(column, self.swarm.groups) for column in self.losses.T]
        return np.array([np.nan if sd is None else sd for sd in found])

    def predictor(self) -> Predictor:
        """The laws in force, with deviations widened (never narrowed) to the errors on left-out mixtures."""
        noise = np.nan_to_num(self.noise)
        scales = []
        for column, fit in enumerate(self.fits):
            held = fit.heldout[fit.chosen]
            error = held.predicted - self.losses[:, column]
            scales.append(np.sqrt(np.mean(error**2 / np.maximum(held.sd**2 + noise[column] ** 2, 1e-18))))
        return Predictor(tuple(fit.fits[fit.chosen] for fit in self.fits), np.clip(scales, 1.0, 10.0))

    def refit(self, losses: F64, sd_scale: F64) -> Predictor:
        """The laws in force refitted to other losses [n, t] of the same runs, started at the fits in force."""
        fits = []
        for column, (fit, metric) in enumerate(zip(self.fits, self.goals.metrics, strict=True)):
            law, own = LAWS[fit.chosen], self.swarm.own_domain(metric)
            fits.append(law.fit(self.swarm.weights, losses[:, column], own=own, start=fit.fits[fit.chosen]))
        return Predictor(tuple(fits), sd_scale)


def gather_evidence(swarm: Swarm, goals: Goals) -> Evidenced:
    """All laws on the goals' metrics. Raises InputError when a metric was not measured."""
    missing = [metric for metric in goals.metrics if metric not in swarm.metrics]
    if missing:
        raise InputError(
            f"LOSSES has no final {', '.join(missing)} in bits per byte; it has {', '.join(swarm.metrics)}. "
            f"Run the step train again after naming the set or domain in 'mixture'."
        )
    groups = swarm.groups
    fits = [fit_metric(swarm.weights, swarm.series(m), groups, swarm.own_domain(m)) for m in goals.metrics]
    return Evidenced(swarm, goals, tuple(fits))


def bounds_of(evidence: Evidenced, losses: F64, predictor: Predictor, replay: F64 | None) -> tuple[Bound, ...]:
    """Bounds of the retained sets against the control's level: its measured mean, or the law's where no control is left."""
    control = np.array(evidence.swarm.control, dtype=bool)
    noise = np.nan_to_num(evidence.noise)
    bounds = []
    for name, (metric, max_rise) in evidence.goals.retain.items():
        column = evidence.goals.metrics.index(metric)
        if control.any():
            level, sd = float(losses[control, column].mean()), float(noise[column] / np.sqrt(control.sum()))
        elif replay is not None:
            level = float(predictor.fits[column].predict(replay[None])[0])
            sd = float(predictor.sd(replay[None], column)[0])
        else:
            raise InputError(f"retain {name!r}: no run on replay alone is evidence, so there is no level to keep to")
        bounds.append(Bound(name, column, level, max_rise, sd))
    return tuple(bounds)
