"""The search against problems whose answer is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from midmix.mixer.design.space_filling import dirichlet_pool
from midmix.mixer.optimize.problem import ONE_SIDED_90, Bound, Predictor
from midmix.mixer.optimize.search import THOROUGH, search

TOKENS = np.array([600, 300, 100])
FREE = np.ones(3)


@dataclass(frozen=True)
class Linear:
    """loss = slope . w, with one deviation everywhere."""

    slope: tuple[float, ...]
    sd: float = 0.0

    def predict(self, weights: np.ndarray) -> np.ndarray:
        return weights @ np.array(self.slope)

    def predict_with_sd(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.predict(weights), np.full(len(weights), self.sd)


@dataclass(frozen=True)
class Bowl:
    """loss = squared distance to `centre`."""

    centre: tuple[float, ...]

    def predict(self, weights: np.ndarray) -> np.ndarray:
        return ((weights - np.array(self.centre)) ** 2).sum(axis=1)

    def predict_with_sd(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.predict(weights), np.zeros(len(weights))


def solve(fits: tuple[Linear | Bowl, ...], target: list[float], caps: np.ndarray, *bounds: Bound) -> np.ndarray:
    predictor = Predictor(fits, np.ones(len(fits)))
    pool = dirichlet_pool(TOKENS, caps, 512, seed=0)
    return search(pool, caps, predictor, np.array(target), bounds, effort=THOROUGH, seed=1)


def test_an_inner_optimum_is_found() -> None:
    np.testing.assert_allclose(solve((Bowl((0.5, 0.3, 0.2)),), [1.0], FREE), [0.5, 0.3, 0.2], atol=2e-3)


def test_a_linear_loss_fills_the_caps_in_order() -> None:
    caps = np.array([0.5, 0.3, 1.0])
    np.testing.assert_allclose(solve((Linear((1.0, 2.0, 3.0)),), [1.0], caps), [0.5, 0.3, 0.2], atol=1e-3)


def test_a_bound_with_its_margin_is_kept_and_used_up() -> None:
    """Domain 0 lowers the target; the retained loss is w_0, allowed to reach 0.4 less 1.28 deviations of 0.05."""
    bound = Bound("keep", column=1, level=0.3, max_rise=0.1, level_sd=0.0)
    best = solve((Linear((0.0, 1.0, 2.0)), Linear((1.0, 0.0, 0.0), sd=0.05)), [1.0, 0.0], FREE, bound)
    limit = 0.4 - ONE_SIDED_90 * 0.05
    np.testing.assert_allclose(best, [limit, 1 - limit, 0.0], atol=2e-3)
    assert best[0] <= limit + 1e-6


def test_the_least_excess_wins_where_no_mixture_keeps_the_bound() -> None:
    bound = Bound("keep", column=1, level=0.0, max_rise=-0.5, level_sd=0.0)
    best = solve((Linear((0.0, 1.0, 2.0)), Bowl((0.1, 0.1, 0.8))), [1.0, 0.0], FREE, bound)
    np.testing.assert_allclose(best, [0.1, 0.1, 0.8], atol=5e-3)


def test_the_deviation_of_the_controls_level_counts_too() -> None:
    bound = Bound("keep", column=0, level=1.0, max_rise=0.0, level_sd=0.3)
    predictor = Predictor((Linear((1.0, 1.0, 1.0), sd=0.4),), np.array([1.0]))
    excess = bound.excess(np.full((1, 3), 1 / 3), np.array([[1.0]]), predictor)
    np.testing.assert_allclose(excess, [ONE_SIDED_90 * 0.5])
