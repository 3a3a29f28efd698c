"""What each binding constraint costs: the multipliers of the optimum, by the slopes of objective and bounds there.

At an optimum the slope of the objective is balanced: for every share, slope + sum of prices x slopes of what binds = one
common level. Slopes are measured by small steps, prices are the non-negative ones that balance best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import nnls

from midmix.mixer.optimize.problem import Bound, Problem
from midmix.mixer.simplex import F64

STEP = 1e-4
AT_LIMIT = 2e-3  # share of tokens within which a limit binds: the optimum is an average
AT_BOUND = 0.25  # margins within which a bound binds
BILLION = 1e9
PER_TOKENS, PER_RISE = "per billion tokens", "per unit of rise allowed"


@dataclass(frozen=True)
class Price:
    """One binding constraint: kind (cap, minimum or retain), the domain or retained set, and what easing it would bring."""

    kind: str
    name: str
    value: float
    unit: str


def prices(problem: Problem, weights: F64, domains: Sequence[str], total_tokens: int, unit: str) -> tuple[Price, ...]:
    """The price of every constraint that binds at `weights` [k]: caps, minima (a frozen group has one), retained sets.

    `unit` is that of the losses, in words.
    """
    limits = problem.limits
    values = limits.reduce(weights)
    open_ = limits.high - limits.low > AT_LIMIT
    capped = np.flatnonzero(open_ & (values > limits.high - AT_LIMIT))
    least = np.flatnonzero(open_ & (values < limits.low + AT_LIMIT))
    binding = [b for b in problem.bounds if _binds(b, problem, weights)]
    slope = _slope(problem, values, lambda w: problem.predictor.objective(w, problem.target_weights))
    rises = [_slope(problem, values, partial(bound.excess, predictor=problem.predictor)) for bound in binding]
    one = np.eye(limits.free)
    columns = [np.ones(limits.free), -np.ones(limits.free), *(-rise for rise in rises), *-one[capped], *one[least]]
    found = nnls(np.column_stack(columns)[open_], slope[open_])[0][2:]
    by_rise, by_cap, by_least = np.split(found, [len(binding), len(binding) + len(capped)])
    per_billion = BILLION / total_tokens
    names = [" + ".join(np.array(list(domains))[limits.group == j]) for j in range(limits.free)]
    return (
        *(
            Price("cap", names[j], float(c * per_billion), f"{unit} {PER_TOKENS}")
            for j, c in zip(capped, by_cap, strict=True)
        ),
        *(
            Price("minimum", names[j], float(c * per_billion), f"{unit} {PER_TOKENS}")
            for j, c in zip(least, by_least, strict=True)
            if limits.low[j] > 0
        ),
        *(Price("retain", b.name, float(c), f"{unit} {PER_RISE}") for b, c in zip(binding, by_rise, strict=True)),
    )


def _binds(bound: Bound, problem: Problem, weights: F64) -> bool:
    """Whether the bound is as good as used up: within a quarter of its margin."""
    margin = bound.margin * bound.rise(weights[None], problem.predictor)[1][0]
    return bool(bound.excess(weights[None], problem.predictor)[0] > -max(AT_BOUND * margin, STEP))


def _slope(problem: Problem, values: F64, loss: Callable[[F64], F64]) -> F64:
    """Derivative [g] by each free variable, by steps to both sides, to one where there is no room below 0."""
    below = np.minimum(STEP, values)
    steps = np.eye(len(values))
    either = np.vstack([values + STEP * steps, values - below[:, None] * steps])
    high, low = np.split(loss(problem.limits.expand(either)), 2)
    slope: F64 = (high - low) / (STEP + below)
    return slope
