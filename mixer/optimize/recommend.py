"""Swarm + goals + caps -> the recommended mixture with its intervals, gains and kept or broken bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from midmix.mixer.design.space_filling import dirichlet_pool
from midmix.mixer.fit.heldout import MIN_MIXTURES
from midmix.mixer.fit.swarm import Swarm
from midmix.mixer.optimize.bootstrap import Interval, Worlds, redraw
from midmix.mixer.optimize.problem import ONE_SIDED_90, Bound, Evidenced, Goals, Predictor, bounds_of, gather_evidence
from midmix.mixer.optimize.search import KEPT, QUICK, THOROUGH, search
from midmix.mixer.simplex import F64, I64, round_weights, within_caps

POOL_SIZE, QUICK_POOL_SIZE = 4096, 768


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
    references that could not be chosen to the reason. Where too few mixtures are evidence, the weights are the
    fallback's, without interval, gain, rise or `evidence`.
    """

    weights: F64
    low: F64 | None
    high: F64 | None
    gains: Mapping[tuple[str, str], Interval]
    rises: Mapping[str, Rise]
    faults: Mapping[str, str]
    evidence: Evidenced | None

    @property
    def feasible(self) -> bool:
        """Whether every bound is kept."""
        return all(rise.excess <= 0 for rise in self.rises.values())


def optimize_weights(
    swarm: Swarm,
    goals: Goals,
    *,
    tokens: I64,
    caps: F64,
    references: Mapping[str, F64],
    fallback: str,
    seed: int,
) -> Recommendation:
    """The mixture with the least weighted target loss within caps and bounds; with the least excess where none is.

    `references` are mixtures [k] to compare with; one of them, `fallback`, is recommended when fewer than four
    mixtures are evidence. `replay` among them stands in for a control that is no evidence.
    """
    if swarm.num_mixtures < MIN_MIXTURES:
        weights = round_weights(within_caps(references[fallback], caps), caps)
        return Recommendation(weights, None, None, {}, {}, {}, None)
    with threadpool_limits(1):
        evidence = gather_evidence(swarm, goals)
        predictor = evidence.predictor()
        bounds = bounds_of(evidence, evidence.losses, predictor, references.get("replay"))
        anchors = within_caps(np.vstack([*references.values(), swarm.weights]), caps)
        pool = np.vstack([anchors, dirichlet_pool(tokens, caps, POOL_SIZE, seed)])
        target_weights = goals.target_weights
        best = search(pool, caps, predictor, target_weights, bounds, effort=THOROUGH, seed=seed)
        weights = round_weights(best, caps)
        near = np.vstack([weights[None], pool[: len(anchors) + QUICK_POOL_SIZE]])

        def solve(refitted: Predictor, losses: F64, world: int) -> F64:
            moved = bounds_of(evidence, losses, refitted, references.get("replay"))
            return search(near, caps, refitted, target_weights, moved, effort=QUICK, seed=seed + 1 + world)

        worlds = redraw(evidence, predictor, np.stack(list(references.values())), solve, seed=seed)
        gains = _gains(evidence, predictor, references, weights, worlds)
        rises = {bound.name: _rise(bound, predictor, weights) for bound in bounds}
        faults = _faults(references, caps, bounds, predictor)
    low, high = worlds.weight_interval(weights)
    return Recommendation(weights, low, high, gains, rises, faults, evidence)


def _gains(
    evidence: Evidenced, predictor: Predictor, references: Mapping[str, F64], weights: F64, worlds: Worlds
) -> dict[tuple[str, str], Interval]:
    goals = evidence.goals
    combinations = {"overall": goals.target_weights}
    for name, (metric, _) in goals.targets.items():
        combinations[name] = np.array([float(m == metric) for m in goals.metrics])
    predicted = predictor.mean(np.vstack([weights[None], *[r[None] for r in references.values()]]))
    return {
        (reference, target): worlds.gain_interval(
            float((predicted[place + 1] - predicted[0]) @ combined), place, combined
        )
        for place, reference in enumerate(references)
        for target, combined in combinations.items()
    }


def _faults(references: Mapping[str, F64], caps: F64, bounds: Sequence[Bound], predictor: Predictor) -> dict[str, str]:
    """References that pass a cap, or whose expected loss (no margin) passes a bound: no alternatives to the optimum."""
    faults = {}
    for name, weights in references.items():
        mean = predictor.mean(weights[None])[0]
        broken = [bound.name for bound in bounds if mean[bound.column] > bound.level + bound.max_rise]
        if (weights > caps + 1e-6).any():
            faults[name] = "asks for more of a domain than its cap"
        elif broken:
            faults[name] = f"breaks the bound on {', '.join(broken)}"
    return faults


def _rise(bound: Bound, predictor: Predictor, weights: F64) -> Rise:
    mean = predictor.mean(weights[None])
    sd = float(np.hypot(predictor.sd(weights[None], bound.column)[0], bound.level_sd))
    value = float(mean[0, bound.column]) - bound.level
    excess = value + ONE_SIDED_90 * sd - bound.max_rise
    # Rounding to 1e-6 may move a mixture that lies on its bound by less than any loss can be read.
    return Rise(value, sd, bound.max_rise, 0.0 if abs(excess) <= 10 * KEPT else excess)
