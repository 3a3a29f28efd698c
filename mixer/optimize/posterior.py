"""How sure the recommendation is: draws of the laws' posterior over the mixtures that could be best.

In each draw the losses of all candidates are drawn together, and the best candidate of that draw is noted: the spread of
those is the interval of the weights. Gains are differences between two mixtures under the joint posterior, whose scale
was set on left-out mixtures. Nothing is refitted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from midmix.mixer.optimize.problem import Problem
from midmix.mixer.simplex import F64

DRAWS, CANDIDATES = 1000, 256
LOW, HIGH = 0.05, 0.95
Z90 = 1.6448536269514722  # half of a 90% interval in standard deviations


@dataclass(frozen=True)
class Interval:
    """A figure with its 90% interval."""

    value: float
    low: float
    high: float

    @classmethod
    def around(cls, value: float, sd: float) -> Interval:
        """The interval of a normal distribution."""
        return cls(value, value - Z90 * sd, value + Z90 * sd)


def gain_interval(problem: Problem, weights: F64, reference: F64, combination: F64) -> Interval:
    """What `weights` [k] gain over `reference` [k] on a combination [t] of losses."""
    mean, sd = problem.predictor.difference(reference[None], weights, combination)
    return Interval.around(float(mean[0]), float(sd[0]))


def hopeful(problem: Problem, weights: F64, candidates: F64) -> F64:
    """The candidates [c, k] that keep all bounds and have most to hope for against `weights` [k]."""
    kept = candidates[problem.excess(candidates) <= 0]
    gap, sd = problem.predictor.difference(kept, weights, problem.target_weights)
    return kept[np.argsort(gap - Z90 * sd, kind="stable")[:CANDIDATES]]


def weight_interval(problem: Problem, weights: F64, candidates: F64, seed: int) -> tuple[F64, F64]:
    """90% interval [k], [k] of the best mixture's weights among `candidates` [c, k]; it holds `weights` [k]."""
    best = np.vstack([weights[None], hopeful(problem, weights, candidates)])
    drawn = problem.predictor.draws(best, problem.target_weights, DRAWS, seed)
    winners = best[np.argmin(drawn, axis=1)]
    low, high = np.quantile(winners, [LOW, HIGH], axis=0)
    return np.minimum(low, weights), np.maximum(high, weights)
