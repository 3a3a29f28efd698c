"""Laws that are known exactly, for problems whose answers are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from midmix.mixer.limits import Limits, make_limits
from midmix.mixer.optimize.predictor import Predictor
from midmix.mixer.optimize.problem import Bound, Problem


@dataclass(frozen=True)
class Linear:
    """loss = slope . w; each slope is known up to an independent deviation `sd`, so that of a loss is sd x |w|."""

    slope: tuple[float, ...]
    sd: float = 0.0

    def predict(self, weights: np.ndarray) -> np.ndarray:
        return weights @ np.array(self.slope)

    def predict_with_sd(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.predict(weights), self.sd * np.sqrt((weights**2).sum(axis=1))

    def predict_joint(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.predict(weights), self.sd**2 * weights @ weights.T

    def gradient(self, weights: np.ndarray) -> np.ndarray:
        return np.tile(self.slope, (len(weights), 1))


@dataclass(frozen=True)
class Bowl(Linear):
    """loss = squared distance to `slope`, known as the slopes of Linear are."""

    def predict(self, weights: np.ndarray) -> np.ndarray:
        return ((weights - np.array(self.slope)) ** 2).sum(axis=1)

    def gradient(self, weights: np.ndarray) -> np.ndarray:
        return 2 * (weights - np.array(self.slope))


ProblemMaker = Callable[..., Problem]


@pytest.fixture
def linear() -> type[Linear]:
    return Linear


@pytest.fixture
def bowl() -> type[Bowl]:
    return Bowl


@pytest.fixture
def make_problem() -> ProblemMaker:
    """`make_problem((laws), [target weights], limits or None, *bounds)`."""

    def make(laws: Sequence[Linear], target: list[float], limits: Limits | None = None, *bounds: Bound) -> Problem:
        k = len(laws[0].slope)
        allowed = limits or make_limits("abcdefgh"[:k], np.ones(k))
        return Problem(Predictor(tuple(laws), np.eye(len(laws))), np.array(target), allowed, bounds)

    return make
