"""What retention costs: the best mixture under ever looser bounds, from no rise at all to no bound.

Point 0 allows the retained sets no rise over the control, the last one the rises that the best unbounded mixture asks
for; those between allow the squares of even shares of it, closer together where bounds are usually set, and one of them
what was configured. The control itself keeps every bound, so the frontier starts at a gain of 0 or more wherever the
control keeps to the limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from midmix.mixer.optimize.posterior import Interval
from midmix.mixer.optimize.problem import Problem
from midmix.mixer.optimize.search import QUICK
from midmix.mixer.optimize.smooth import Sloped
from midmix.mixer.optimize.solve import solve
from midmix.mixer.simplex import F64

POINTS = 6  # beside the configured bounds
SAME = 1e-9  # rises nearer together than this are one point


@dataclass(frozen=True)
class FrontierPoint:
    """Place on the frontier, a mixture [k], its gain over the control, and per bound the rise allowed, the rise expected and its deviation [b]."""

    place: int
    weights: F64
    gain: Interval
    allowed: F64
    rise: F64
    rise_sd: F64


def frontier(
    problem: Problem, power: Sequence[Sloped], starts: F64, control: F64, seed: int
) -> tuple[FrontierPoint, ...]:
    """Points from no rise to no bound; `starts` [m, k] keep to the limits. Those that no mixture keeps are left out."""
    unbounded = solve(replace(problem, bounds=()), power, starts, seed=seed, effort=QUICK)
    widest = np.array([_asked(problem, b, unbounded) for b in range(len(problem.bounds))])
    points = []
    near = np.vstack([starts, unbounded[None]])
    for place, allowed in enumerate(_levels(problem, widest)):
        eased = problem.with_rises(allowed + 1e-6)
        weights = solve(eased, power, near, seed=seed, effort=QUICK)
        if eased.excess(weights[None])[0] > 0:
            continue
        near = np.vstack([near, weights[None]])
        rises = [bound.rise(weights[None], problem.predictor) for bound in problem.bounds]
        points.append(
            FrontierPoint(
                place,
                weights,
                _gain(problem, weights, control),
                allowed,
                np.array([mean[0] for mean, _ in rises]),
                np.array([sd[0] for _, sd in rises]),
            )
        )
    return tuple(points)


def _levels(problem: Problem, widest: F64) -> list[F64]:
    """Rises allowed [b] at each point, from none to `widest` [b], with the configured ones as far as they are asked for."""
    levels = [share**2 * widest for share in np.linspace(0.0, 1.0, POINTS)]
    configured = np.minimum([bound.max_rise for bound in problem.bounds], widest)
    if all(np.abs(level - configured).max() > SAME for level in levels):
        levels.append(configured)
    return sorted(levels, key=lambda level: float(level.sum()))


def _gain(problem: Problem, weights: F64, control: F64) -> Interval:
    mean, sd = problem.predictor.over_control(weights[None], control, problem.target_weights)
    return Interval.around(-float(mean[0]), float(sd[0]))


def _asked(problem: Problem, place: int, weights: F64) -> float:
    """The rise that a bound would have to allow for `weights` [k]; 0 where they rise not at all."""
    mean, sd = problem.bounds[place].rise(weights[None], problem.predictor)
    return max(float(mean[0] + problem.bounds[place].margin * sd[0]), 0.0)
