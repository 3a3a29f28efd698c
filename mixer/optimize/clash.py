"""Why no mixture will do: the bounds that clash with each other and with the limits, by how much, and what would mend it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from midmix.mixer.limits import Limits
from midmix.mixer.optimize.problem import Problem
from midmix.mixer.optimize.search import QUICK, search
from midmix.mixer.simplex import F64

TOO_MUCH = 1e-3  # share of tokens under which a limit is no reason


@dataclass(frozen=True)
class Clash:
    """A smallest set of bounds that no mixture within the limits keeps together.

    `bounds` maps each to the excess, in `unit`, of the mixture that breaks them least. `limits` maps domains to
    (share allowed, share that a mixture which keeps these bounds would take), where limits are part of the clash.
    """

    bounds: Mapping[str, float]
    limits: Mapping[str, tuple[float, float]]
    unit: str

    @property
    def words(self) -> str:
        """What clashes, by how much, and the mend, in sentences."""
        names = " and ".join(sorted(self.bounds))
        amounts = ", ".join(f"{name} by {excess:.4f}" for name, excess in sorted(self.bounds.items()))
        what = f"No mixture within the limits keeps the bound{'s' * (len(self.bounds) > 1)} on {names}"
        mend = f"raise max_rise of {amounts} {self.unit} (with its margin)"
        if not self.limits:
            return (
                f"{what}, nor would one without limits. To mend it: {mend}, or repeat the control to narrow the margin."
            )
        shares = ", ".join(
            f"{domain} from {allowed:.4f} to {asked:.4f}" for domain, (allowed, asked) in sorted(self.limits.items())
        )
        return (
            f"{what}; without the limits one would. To mend it: {mend}, or move the limit on the share of {shares} "
            f"(mixture.max_epochs, mixture.tokens, mixture.minimum, mixture.frozen)."
        )


def find_clash(problem: Problem, best: F64, starts: F64, domains: Sequence[str], unit: str, seed: int) -> Clash:
    """The clash behind a problem whose least broken mixture is `best` [k]; `starts` [m, k] keep to the limits."""
    bounds = list(problem.bounds)
    for bound in problem.bounds:
        rest = [other for other in bounds if other is not bound]
        if rest and _least(replace(problem, bounds=tuple(rest)), best, starts, seed)[1] > 0:
            bounds = rest
    smallest = replace(problem, bounds=tuple(bounds))
    closest, _ = _least(smallest, best, starts, seed)
    excess = {b.name: max(float(b.excess(closest[None], problem.predictor)[0]), 0.0) for b in bounds}
    free = replace(smallest, limits=_without(problem.limits))
    roomy, left = _least(free, best, np.vstack([starts, np.eye(len(best))]), seed)
    return Clash(
        {name: value for name, value in excess.items() if value > 0 or len(bounds) > 1},
        {} if left > 0 else _passed(problem.limits, roomy, domains),
        unit,
    )


def _least(problem: Problem, best: F64, starts: F64, seed: int) -> tuple[F64, float]:
    """The mixture that breaks the bounds least, and its excess."""
    pool = np.vstack([best[None], starts])
    order = np.argsort(problem.excess(pool), kind="stable")[: QUICK.islands]
    found = search(pool[order], problem.limits, problem.judge(), effort=QUICK, seed=seed).best_first()
    return found.weights[0], float(found.excess[0])


def _without(limits: Limits) -> Limits:
    k = len(limits.share)
    return Limits(np.zeros(k), np.ones(k), np.arange(k), np.ones(k))


def _passed(limits: Limits, weights: F64, domains: Sequence[str]) -> dict[str, tuple[float, float]]:
    allowed = limits.nearest(weights)
    over = np.abs(weights - allowed) > TOO_MUCH
    edge = np.clip(weights, limits.domain_low, limits.domain_high)
    outside = over & (np.abs(weights - edge) > TOO_MUCH)
    shown = outside if outside.any() else over
    return {domains[int(j)]: (float(allowed[j]), float(weights[j])) for j in np.flatnonzero(shown)}
