"""Search for the mixture with the least objective among those that keep to limits and bounds.

Several islands, each a start of its own; rounds of steps around the best point of each, ever shorter, in the space of
square roots of shares, where an absent domain is as near as a present one. No gradient, so any law will do; a law's
own kinks and the caps do no harm. All islands are judged in one call, which is what makes it quick.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from midmix.mixer.limits import Limits
from midmix.mixer.simplex import F64, I64, hellinger

SHRINK = 0.55
APART = 0.1  # Hellinger distance between the starts of two islands

# (weights [m, k], island of each [m]) -> objective [m] and excess over the bounds [m], 0 where all are kept.
Judge: TypeAlias = Callable[[F64, I64], tuple[F64, F64]]


@dataclass(frozen=True)
class Effort:
    """Rounds of refinement, islands, steps tried around the best point of each, length of the first ones."""

    rounds: int
    islands: int
    steps: int
    first_step: float = 0.15


THOROUGH = Effort(rounds=8, islands=12, steps=32)
QUICK = Effort(rounds=6, islands=6, steps=24)


@dataclass(frozen=True)
class Ends:
    """Where the islands ended, in their order: weights [r, k], objective [r], excess [r]."""

    weights: F64
    objective: F64
    excess: F64

    def best_first(self) -> Ends:
        """The same, the best island first."""
        order = best_first(self.objective, self.excess)
        return Ends(self.weights[order], self.objective[order], self.excess[order])


def best_first(objective: F64, excess: F64) -> I64:
    """Order [m]: those that keep all bounds by objective, then those that do not by excess."""
    order: I64 = np.lexsort((objective, excess))
    return order


def spread_starts(candidates: F64, objective: F64, excess: F64, number: int) -> F64:
    """The best candidate, then the best ones at some distance from those before; repeats of the order where too few."""
    order = best_first(objective, excess)[:512]
    chosen: list[int] = []
    for row in order:
        near = candidates[chosen] if chosen else np.empty((0, candidates.shape[1]))
        if len(chosen) < number and not (hellinger(candidates[row][None], near) < APART).any():
            chosen.append(int(row))
    chosen += [int(row) for row in order if row not in chosen][: number - len(chosen)]
    return candidates[chosen]


def search(starts: F64, limits: Limits, judge: Judge, *, effort: Effort, seed: int) -> Ends:
    """Each of `starts` [r, k], which keep to the limits, improved on its own; `effort.islands` is not looked at.

    A mixture that keeps all bounds beats any that does not; among those that do not, the least total excess wins.
    """
    rng = np.random.default_rng(seed)
    islands = np.arange(len(starts))
    weights = np.array(starts)
    objective, excess = judge(weights, islands)
    parents = np.repeat(islands, effort.steps)
    for round_ in range(effort.rounds):
        roots = np.sqrt(np.maximum(limits.reduce(weights), 0.0))[parents]
        moved = np.maximum(roots + effort.first_step * SHRINK**round_ * rng.standard_normal(roots.shape), 0.0) ** 2
        moved[moved.sum(axis=1) <= 0] = 1.0
        near = limits.expand(limits.nearest_values(moved))
        near_objective, near_excess = judge(near, parents)
        for island in islands:
            children = np.flatnonzero(parents == island)
            best = children[best_first(near_objective[children], near_excess[children])[0]]
            if (near_excess[best], near_objective[best]) < (excess[island], objective[island]):
                weights[island], objective[island], excess[island] = near[best], near_objective[best], near_excess[best]
    return Ends(weights, objective, excess)
