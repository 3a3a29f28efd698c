"""Search for the mixture with the least objective among those that keep to caps and bounds.

Candidates spread over the whole capped simplex, then rounds of steps around the best, ever shorter, in the space of
square roots of weights, where an absent domain is as near as a present one. No gradient, so any law will do; a law's
own kinks and the caps do no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from midmix.mixer.optimize.problem import Bound, Predictor
from midmix.mixer.simplex import F64, within_caps

KEPT = 1e-7  # bits per byte by which a bound may be passed: below rounding
FIRST_STEP, SHRINK = 0.15, 0.55


@dataclass(frozen=True)
class Effort:
    """Rounds of refinement, points refined in each, steps tried around each."""

    rounds: int
    points: int
    steps: int


THOROUGH = Effort(rounds=10, points=12, steps=64)
QUICK = Effort(rounds=6, points=4, steps=32)


def rank(weights: F64, predictor: Predictor, target_weights: F64, bounds: Sequence[Bound]) -> tuple[F64, F64]:
    """Objective [m] (weighted loss, bits per byte) and total excess over the bounds [m] (0 where all are kept)."""
    mean = predictor.mean(weights)
    excess = np.zeros(len(weights))
    for bound in bounds:
        broken = bound.excess(weights, mean, predictor)
        excess += np.where(broken > KEPT, broken, 0.0)
    return mean @ target_weights, excess


def search(
    candidates: F64,
    caps: F64,
    predictor: Predictor,
    target_weights: F64,
    bounds: Sequence[Bound],
    *,
    effort: Effort,
    seed: int,
) -> F64:
    """The best weights [k] found from `candidates` [m, k], which keep to the caps.

    A mixture that keeps all bounds beats any that does not; among those that do not, the least total excess wins.
    """
    rng = np.random.default_rng(seed)
    weights = candidates
    objective, excess = rank(weights, predictor, target_weights, bounds)
    for round_ in range(effort.rounds):
        best = np.lexsort((objective, excess))[: effort.points]
        roots = np.repeat(np.sqrt(np.maximum(weights[best], 0.0)), effort.steps, axis=0)
        step = FIRST_STEP * SHRINK**round_
        moved = np.maximum(roots + step * rng.standard_normal(roots.shape), 0.0) ** 2
        moved[moved.sum(axis=1) <= 0] = 1.0
        near = within_caps(moved, caps)
        near_objective, near_excess = rank(near, predictor, target_weights, bounds)
        weights = np.vstack([weights[best], near])
        objective, excess = np.r_[objective[best], near_objective], np.r_[excess[best], near_excess]
    winner: F64 = weights[np.lexsort((objective, excess))[0]]
    return winner
