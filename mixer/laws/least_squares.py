"""Damped Gauss-Newton for small problems: a few dozen parameters, a Gaussian prior among the residuals.

scipy's trust-region solver spends ten times as long on its own book-keeping as on problems of this size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from midmix.mixer.simplex import F64

CONVERGED = 1e-8  # relative fall of the cost in one step


@dataclass(frozen=True)
class Solution:
    """Parameters [p], half the sum of squares there, and the Jacobian [r, p]."""

    theta: F64
    cost: float
    jacobian: F64


def least_squares(
    residuals: Callable[[F64], tuple[F64, F64]], theta: F64, evaluations: int, *, low: F64, high: F64
) -> Solution:
    """The least squares near `theta` within the box; `residuals` gives residuals [r] and their Jacobian [r, p]."""
    theta = np.clip(theta, low, high)
    values, jacobian = residuals(theta)
    cost = 0.5 * float(values @ values)
    damping = 1e-3
    for _ in range(evaluations - 1):
        normal = jacobian.T @ jacobian
        damped = normal + np.diag(damping * normal.diagonal() + 1e-12)
        trial = np.clip(theta - np.linalg.solve(damped, jacobian.T @ values), low, high)
        with np.errstate(over="ignore", invalid="ignore"):  # a step too far is refused below
            trial_values, trial_jacobian = residuals(trial)
            trial_cost = 0.5 * float(trial_values @ trial_values)
        if trial_cost < cost:
            done = cost - trial_cost <= CONVERGED * cost
            theta, values, jacobian, cost = trial, trial_values, trial_jacobian, trial_cost
            damping = max(damping / 5, 1e-10)
            if done:
                break
        else:
            damping *= 8
            if damping > 1e10:
                break
    return Solution(theta, cost, jacobian)
