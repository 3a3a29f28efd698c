"""Seeded draws: one PCG64 stream, fast for single values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")
_BUFFER = 64


class Draw:
    """Draws from the stream that a tuple of integers names: the same integers give the same draws."""

    def __init__(self, *seed: int) -> None:
        self._generator = np.random.default_rng(seed)
        self._units: list[float] = []

    def unit(self) -> float:
        """A float in [0, 1)."""
        if not self._units:
            self._units = self._generator.random(_BUFFER).tolist()
        return self._units.pop()

    def between(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        return low + int(self.unit() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.unit() < probability

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items, all equally likely."""
        return items[int(self.unit() * len(items))]

    def sample(self, items: Sequence[Item], count: int) -> list[Item]:
        """Distinct items in drawn order; all of them, shuffled, when count is their number or more."""
        pool = list(items)
        count = min(count, len(pool))
        for i in range(count):
            j = i + int(self.unit() * (len(pool) - i))
            pool[i], pool[j] = pool[j], pool[i]
        return pool[:count]

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """The items in a drawn order."""
        return self.sample(items, len(items))
