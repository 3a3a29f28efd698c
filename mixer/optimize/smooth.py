"""The optimum by the laws' slopes: exact where they are convex, as power laws are, a start for the search elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from scipy.optimize import minimize

from midmix.mixer.limits import Limits
from midmix.mixer.simplex import F64

TOLERANCE = 1e-8


class Sloped(Protocol):
    """A law that knows its slope."""

    def predict(self, weights: F64) -> F64:
        """Expected loss [m]."""
        ...

    def gradient(self, weights: F64) -> F64:
        """Derivative [m, k] of the expected loss by each weight."""
        ...


def smooth_optimum(
    laws: Sequence[Sloped],
    target_weights: F64,
    limits: Limits,
    ceilings: Sequence[tuple[int, float]],
    start: F64,
    steps: int = 100,
) -> F64:
    """Weights [k] with the least `target_weights` [t] x losses, each (law, level) of `ceilings` kept where it can be.

    `start` [k] keeps to the limits. At most `steps` of sequential quadratic programming; what it returns is put back within the limits.
    """
    used = [(part, laws[d]) for d, part in enumerate(target_weights) if part]

    def objective(values: F64) -> tuple[float, F64]:
        weights = limits.expand(values)[None]
        loss = sum(float(part * law.predict(weights)[0]) for part, law in used)
        slope = np.sum([part * law.gradient(weights)[0] for part, law in used], axis=0)
        return loss, limits.collect(slope)

    constraints: list[dict[str, Any]] = [
        {"type": "eq", "fun": lambda v: v.sum() - 1.0, "jac": lambda v: np.ones(len(v))},
        *(_ceiling(laws[column], level, limits) for column, level in ceilings),
    ]
    found = minimize(
        objective,
        limits.reduce(start),
        jac=True,
        method="SLSQP",
        bounds=list(zip(limits.low, limits.high, strict=True)),
        constraints=constraints,
        options={"maxiter": steps, "ftol": TOLERANCE},
    )
    values = np.clip(np.nan_to_num(np.asarray(found.x, dtype=np.float64), nan=0.0), limits.low, limits.high)
    return limits.expand(limits.nearest_values(values)) if values.sum() > 0 else start


def _ceiling(law: Sloped, level: float, limits: Limits) -> dict[str, Any]:
    return {
        "type": "ineq",
        "fun": lambda v: level - law.predict(limits.expand(v)[None])[0],
        "jac": lambda v: -limits.collect(law.gradient(limits.expand(v)[None])[0]),
    }
