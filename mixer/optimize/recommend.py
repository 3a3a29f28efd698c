"""Swarm + goals + limits -> the recommended mixture with its intervals, gains, prices, frontier, kept or broken bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from threadpoolctl import threadpool_limits

from midmix.mixer.design.pool import dirichlet_pool
from midmix.mixer.fit.heldout import MIN_MIXTURES
from midmix.mixer.fit.swarm import Swarm
from midmix.mixer.limits import Limits
from midmix.mixer.optimize.alternatives import extremes
from midmix.mixer.optimize.clash import Clash, find_clash
from midmix.mixer.optimize.frontier import FrontierPoint, frontier
from midmix.mixer.optimize.posterior import Interval, gain_interval, weight_interval
from midmix.mixer.optimize.prices import Price, prices
from midmix.mixer.optimize.problem import (
    KEPT,
    Bound,
    Evidenced,
    Goals,
    Problem,
    bounds_of,
    gather_evidence,
)
from midmix.mixer.optimize.repetition import Repetition
from midmix.mixer.optimize.solve import solve
from midmix.mixer.simplex import F64, I64, round_weights

POOL_SIZE, NEAR_SIZE = 4096, 512


@dataclass(frozen=True)
class Rise:
    """What a retained set's loss does against the control, bits per byte. `excess` over the bound is 0 or less when kept."""

    value: float
    sd: float
    max_rise: float
    excess: float


@dataclass(frozen=True)
class Recommendation:
    """The optimum [k] with its 90% interval, and what it is expected to bring.

    `gains` maps (reference, target name or "overall") to bits per byte; `rises` retained sets to theirs; `faults`
    references that could not be chosen to the reason. `least` and `most` [k, k] are mixtures that cannot be told from the
    best, with the least and the most of each domain. Where too few mixtures are evidence, the weights are the fallback's,
    and all else is empty.
    """

    weights: F64
    low: F64 | None = None
    high: F64 | None = None
    gains: Mapping[tuple[str, str], Interval] = field(default_factory=dict)
    rises: Mapping[str, Rise] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    evidence: Evidenced | None = None
    least: F64 | None = None
    most: F64 | None = None
    prices: Sequence[Price] = ()
    frontier: Sequence[FrontierPoint] = ()
    clash: Clash | None = None

    @property
    def feasible(self) -> bool:
        """Whether every bound is kept."""
        return all(rise.excess <= 0 for rise in self.rises.values())


def optimize_weights(
    swarm: Swarm,
    goals: Goals,
    *,
    tokens: I64,
    limits: Limits,
    total_tokens: int,
    references: Mapping[str, F64],
    fallback: str,
    seed: int,
    repetition: Repetition | None = None,
) -> Recommendation:
    """The mixture with the least weighted target loss within limits and bounds; with the least excess where none is.

    `references` are mixtures [k] to compare with; one of them, `fallback`, is recommended when fewer than four
    mixtures are evidence. `replay` among them stands in for a control that is no evidence. With `repetition`, a share
    above one pass over its domain is worth less, in the runs and in the training asked about.
    """
    if swarm.num_mixtures < MIN_MIXTURES:
        return Recommendation(round_weights(limits.nearest(references[fallback]), limits.domain_high))
    with threadpool_limits(1):
        evidence = gather_evidence(swarm, goals, repetition)
        bounds = bounds_of(goals, swarm, references.get("replay"), repetition)
        problem = Problem(evidence.predictor(), goals.target_weights, limits, bounds)
        anchors = limits.nearest(np.vstack([*references.values(), swarm.weights]))
        pool = np.vstack([anchors, limits.nearest(dirichlet_pool(tokens, limits.domain_high, POOL_SIZE, seed))])
        best = solve(problem, evidence.power, pool, seed=seed)
        return _described(evidence, problem, references, best, pool, total_tokens, seed)


def _described(
    evidence: Evidenced,
    problem: Problem,
    references: Mapping[str, F64],
    best: F64,
    pool: F64,
    total_tokens: int,
    seed: int,
) -> Recommendation:
    """All that is said of the optimum `best` [k]; `pool` [m, k] are other mixtures within the limits."""
    domains, unit = evidence.swarm.domains, evidence.swarm.unit.replace("_", " ")
    near = np.vstack([best[None], pool[: len(references) + len(evidence.swarm.weights) + NEAR_SIZE]])
    weights = round_weights(best, problem.limits.domain_high)
    rises = {bound.name: _rise(bound, problem, weights) for bound in problem.bounds}
    described = Recommendation(
        weights,
        gains=_gains(evidence.goals, problem, references, weights),
        rises=rises,
        faults=_faults(references, problem),
        evidence=evidence,
    )
    if any(rise.excess > 0 for rise in rises.values()):
        return replace(described, clash=find_clash(problem, best, near, domains, unit, seed))
    least, most = extremes(problem, best, seed)
    low, high = weight_interval(problem, best, np.vstack([least, most, pool]), seed)
    control = problem.bounds[0].control if problem.bounds else None
    points = frontier(problem, evidence.power, near, control, seed) if isinstance(control, np.ndarray) else ()
    return replace(
        described,
        low=np.minimum(low, weights),
        high=np.maximum(high, weights),
        least=least,
        most=most,
        prices=prices(problem, best, domains, total_tokens, unit),
        frontier=points,
    )


def _gains(
    goals: Goals, problem: Problem, references: Mapping[str, F64], weights: F64
) -> dict[tuple[str, str], Interval]:
    combinations = {"overall": goals.target_weights}
    for name, (metric, _) in goals.targets.items():
        combinations[name] = np.array([float(m == metric) for m in goals.metrics])
    return {
        (reference, target): gain_interval(problem, weights, other, combined)
        for reference, other in references.items()
        for target, combined in combinations.items()
    }


def _faults(references: Mapping[str, F64], problem: Problem) -> dict[str, str]:
    """References that pass a limit, or whose expected loss (no margin) passes a bound: no alternatives to the optimum."""
    faults = {}
    for name, weights in references.items():
        rises = {bound.name: bound.rise(weights[None], problem.predictor)[0][0] for bound in problem.bounds}
        broken = [bound.name for bound in problem.bounds if rises[bound.name] > bound.max_rise]
        if (weights > problem.limits.domain_high + 1e-6).any():
            faults[name] = "asks for more of a domain than its cap"
        elif problem.limits.broken(weights) > 1e-5:
            faults[name] = "does not keep to the minima or the frozen groups"
        elif broken:
            faults[name] = f"breaks the bound on {', '.join(broken)}"
    return faults


def _rise(bound: Bound, problem: Problem, weights: F64) -> Rise:
    mean, sd = bound.rise(weights[None], problem.predictor)
    excess = float(mean[0] + bound.margin * sd[0]) - bound.max_rise
    # Rounding to 1e-6 may move a mixture that lies on its bound by less than any loss can be read.
    return Rise(float(mean[0]), float(sd[0]), bound.max_rise, 0.0 if abs(excess) <= 100 * KEPT else excess)
