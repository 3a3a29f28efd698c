"""Mixtures that cannot be told from the best: for each domain the one with the least of it, and the one with the most.

A mixture is in the set when it keeps limits and bounds and the optimum's gain over it is not clear of 0: its 90% interval holds 0.
"""

from __future__ import annotations

import numpy as np

from midmix.mixer.limits import Limits
from midmix.mixer.optimize.problem import KEPT, ONE_SIDED_95, Problem
from midmix.mixer.optimize.search import Effort, Judge, best_first, search
from midmix.mixer.simplex import F64, I64

EFFORT = Effort(rounds=7, islands=0, steps=24, first_step=0.3)
ALONG = np.geomspace(0.01, 1.0, 10)  # places on the way to a corner


def extremes(problem: Problem, best: F64, seed: int) -> tuple[F64, F64]:
    """Mixtures [k, k] of the set with the least and with the most of each domain, rows by domain; `best` is [k]."""
    k = len(best)
    judge = _wanting(problem, best)
    ways = np.vstack([best[None], _ways(problem.limits, best)])
    _, excess = judge(ways, np.zeros(len(ways), dtype=np.int64))
    least = [ways[best_first(share, excess)[0]] for share in ways.T]
    most = [ways[best_first(-share, excess)[0]] for share in ways.T]
    found = search(np.stack([*least, *most]), problem.limits, judge, effort=EFFORT, seed=seed)
    return found.weights[:k], found.weights[k:]


def _wanting(problem: Problem, best: F64) -> Judge:
    """Island j of the first k wants the least of domain j, of the next k the most; leaving the set is the excess."""
    k = len(best)
    wanted, sign = np.tile(np.arange(k), 2), np.repeat([1.0, -1.0], k)

    def judge(weights: F64, islands: I64) -> tuple[F64, F64]:
        gap, sd = problem.predictor.difference(weights, best, problem.target_weights)
        clear = gap - ONE_SIDED_95 * sd
        excess = problem.excess(weights) + np.where(clear > KEPT, clear, 0.0)
        return sign[islands] * weights[np.arange(len(weights)), wanted[islands]], excess

    return judge


def _ways(limits: Limits, best: F64) -> F64:
    """Mixtures on the ways from `best` [k] to each corner and away from it, the other domains in proportion."""
    corners = np.eye(len(best))
    towards = [best + t * (corner - best) for corner in corners for t in ALONG]
    away = [best * (1 - t * corner) for corner in corners for t in ALONG]
    found = np.array([weights for weights in (*towards, *away) if weights.sum() > 0])
    return limits.nearest(found)
