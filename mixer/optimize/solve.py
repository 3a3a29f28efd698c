"""One constrained optimum: the laws' smooth optima and a wide pool as starts, islands of search, the best eight averaged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from midmix.mixer.optimize.problem import Problem
from midmix.mixer.optimize.search import THOROUGH, Effort, best_first, search, spread_starts
from midmix.mixer.optimize.smooth import Sloped, smooth_optimum
from midmix.mixer.simplex import F64

AVERAGED = 8
ALL_STEPS, FEW_STEPS = 100, 25  # of the smooth search; laws that are not convex cost more and give a start alone


def solve(problem: Problem, power: Sequence[Sloped], pool: F64, *, seed: int, effort: Effort = THOROUGH) -> F64:
    """The best weights [k]. `power` are power laws of the predictor's metrics; rows of `pool` [m, k] keep to the limits.

    The best eight ends are averaged: under a law with many shallow optima their mean is nearer the true one than any.
    So is the mean of that and of the power laws' optimum, since losses are nearly convex and the two kinds of law err
    apart (found on RegMix's swarm with subsets that the benchmark does not use). Where such a mean breaks a bound, or is
    predicted to be worse than the best end by more than a standard deviation, the next in this order is taken. `power` count
    tokens evenly: half-way to the optimum with diminishing returns was judged 0.003 worse, that law being in force already.
    """
    judge = problem.judge()
    objective, excess = judge(pool, np.arange(len(pool)))
    first = pool[best_first(objective, excess)[0]]
    convex, smooth = _smooth_starts(problem, power, first)
    starts = np.vstack([*smooth, spread_starts(pool, objective, excess, effort.islands)])
    ends = search(starts[: effort.islands], problem.limits, judge, effort=effort, seed=seed).best_first()
    kept = ends.weights[:AVERAGED][ends.excess[:AVERAGED] <= ends.excess[0]]
    mean = problem.limits.nearest(kept.mean(axis=0))
    best = ends.weights[0]
    return next((w for w in (problem.limits.nearest((mean + convex) / 2), mean) if _as_good(problem, w, best)), best)


def _as_good(problem: Problem, mean: F64, best: F64) -> bool:
    """Whether the averaged mixture keeps the bounds and is within the deviation of its difference to the best end."""
    if problem.excess(mean[None])[0] > problem.excess(best[None])[0]:
        return False
    gap, sd = problem.predictor.difference(mean[None], best, problem.target_weights)
    return bool(gap[0] <= sd[0])


def _smooth_starts(problem: Problem, power: Sequence[Sloped], start: F64) -> tuple[F64, list[F64]]:
    """The optimum [k] of the power laws, which are convex, with the margin of its bounds; and all smooth optima to start at."""
    predictor = problem.predictor
    deviations, found = np.zeros(len(problem.bounds)), []
    raw: Sequence[Sloped]
    for raw in (power, power, predictor.fits) if problem.bounds else (power, predictor.fits):
        ceilings = [
            (b.column, _level(raw[b.column], b.control) + b.max_rise - b.margin * float(sd))
            for b, sd in zip(problem.bounds, deviations, strict=True)
        ]
        laws = [predictor.sloped(law) for law in raw]
        steps = ALL_STEPS if raw is power else FEW_STEPS
        start = smooth_optimum(laws, problem.target_weights, problem.limits, ceilings, start, steps)
        found.append(start)
        deviations = np.array([bound.rise(start[None], predictor)[1][0] for bound in problem.bounds])
    return found[-2], found


def _level(law: Sloped, control: F64 | float) -> float:
    return control if isinstance(control, float) else float(law.predict(control[None])[0])
