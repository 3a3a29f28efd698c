"""What is asked for: targets, bounds on what may not be hurt, and limits of the shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from midmix.errors import InputError
from midmix.mixer.fit.correlation import error_correlation, heldout_errors
from midmix.mixer.fit.heldout import MetricFit
from midmix.mixer.fit.scales import fit_at_scale
from midmix.mixer.fit.swarm import Swarm, noise_sd
from midmix.mixer.laws.power import POWER, FittedPower
from midmix.mixer.limits import Limits
from midmix.mixer.optimize.predictor import Predictor
from midmix.mixer.optimize.repetition import Repetition
from midmix.mixer.optimize.search import Judge
from midmix.mixer.simplex import F64, I64

CONFIDENCE = 0.95  # that all bounds are kept together; on RegMix's runs plug-in bounds break three times in four
# At an optimum the laws err by more than at mixtures left out, since the search goes where they err in its favour. 40 subsets
# of 32 of RegMix's training runs, three bounds each: without this factor 8% of the bounds break, with it 4%.
AT_AN_OPTIMUM = 1.27
ONE_SIDED_95 = 1.645  # of the normal distribution
KEPT = 1e-7  # bits per byte by which a bound may be passed: below rounding


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
class Bound:
    """`rise + margin x sd <= max_rise` for one column of the predictor.

    The rise is over the loss of `control`, a mixture [k] as the laws see it, as one difference under one law, whose
    deviation vanishes as the two mixtures meet; or over a known `control` level.
    """

    name: str
    column: int
    control: F64 | float
    max_rise: float
    margin: float = ONE_SIDED_95

    def rise(self, weights: F64, predictor: Predictor) -> tuple[F64, F64]:
        """Expected rise [m] at `weights` [m, k], and its standard deviation [m]."""
        if isinstance(self.control, float):
            mean, sd = predictor.level(weights, self.column)
            return mean - self.control, sd
        one = np.zeros(len(predictor.fits))
        one[self.column] = 1.0
        return predictor.over_control(weights, self.control, one)

    def excess(self, weights: F64, predictor: Predictor) -> F64:
        """By how much each of `weights` [m, k] breaks the bound [m]; 0 or less is kept."""
        mean, sd = self.rise(weights, predictor)
        excess: F64 = mean + self.margin * sd - self.max_rise
        return excess


def joint_margin(num_bounds: int) -> float:
    """Standard deviations that keep each of several bounds so surely that all hold together at 95% (Bonferroni) at an optimum."""
    return AT_AN_OPTIMUM * NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / max(num_bounds, 1))


@dataclass(frozen=True)
class Problem:
    """Least `target_weights` [t] x expected losses, within limits and bounds."""

    predictor: Predictor
    target_weights: F64
    limits: Limits
    bounds: tuple[Bound, ...]

    def judge(self) -> Judge:
        """The problem as `search` wants it."""

        def judged(weights: F64, islands: I64) -> tuple[F64, F64]:
            return self.predictor.objective(weights, self.target_weights), self.excess(weights)

        return judged

    def excess(self, weights: F64) -> F64:
        """Total excess over the bounds [m], 0 where all are kept."""
        total = np.zeros(len(weights))
        for bound in self.bounds:
            broken = bound.excess(weights, self.predictor)
            total += np.where(broken > KEPT, broken, 0.0)
        return total

    def with_rises(self, max_rises: F64) -> Problem:
        """The same with other largest rises, one per bound."""
        bounds = tuple(replace(b, max_rise=float(r)) for b, r in zip(self.bounds, max_rises, strict=True))
        return replace(self, bounds=bounds)


@dataclass(frozen=True)
class Evidenced:
    """One swarm's fits for the goals: what predictions, bounds and evidence are made from."""

    swarm: Swarm
    goals: Goals
    fits: tuple[MetricFit, ...]
    repetition: Repetition | None = None

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
        found = [noise_sd(column, self.swarm.replicates) for column in self.losses.T]
        return np.array([np.nan if sd is None else sd for sd in found])

    @property
    def power(self) -> tuple[FittedPower, ...]:
        """The power law of each metric whose tokens count evenly, whichever law is in force."""
        found = [fit.fits[POWER] for fit in self.fits]
        return tuple(fit for fit in found if isinstance(fit, FittedPower))

    def predictor(self) -> Predictor:
        """The laws in force, calibrated."""
        calibrated = tuple(fit.calibrated for fit in self.fits)
        return Predictor(calibrated, error_correlation(heldout_errors(self.fits, self.losses)), self.repetition)


def gather_evidence(swarm: Swarm, goals: Goals, repetition: Repetition | None = None) -> Evidenced:
    """All laws on the goals' metrics; with `repetition` they are of fresh equivalents. Raises InputError for lack of a metric."""
    missing = [metric for metric in goals.metrics if metric not in swarm.metrics]
    if missing:
        raise InputError(
            f"LOSSES has no final {', '.join(missing)} in bits per byte; it has {', '.join(swarm.metrics)}. "
            f"Run the step train again after naming the set or domain in 'mixture'."
        )
    seen = swarm if repetition is None else replace(swarm, weights=repetition.of_runs(swarm))
    return Evidenced(swarm, goals, tuple(fit_at_scale(seen, metric) for metric in goals.metrics), repetition)


def bounds_of(
    goals: Goals, swarm: Swarm, replay: F64 | None, repetition: Repetition | None = None
) -> tuple[Bound, ...]:
    """Bounds of the retained sets against the control: the mixture of the runs on replay alone, else `replay` [k] itself.

    With `repetition` the control is what those runs saw of it.
    """
    measured = np.flatnonzero(np.array(swarm.control, dtype=bool))
    weights = swarm.weights if repetition is None else repetition.of_runs(swarm)
    control = weights[measured[0]] if len(measured) else replay
    bounds = []
    for name, (metric, max_rise) in goals.retain.items():
        if control is None:
            raise InputError(f"retain {name!r}: no run on replay alone is evidence, so there is no level to keep to")
        bounds.append(Bound(name, goals.metrics.index(metric), control, max_rise, joint_margin(len(goals.retain))))
    return tuple(bounds)
