"""The next runs, on a tiny known function."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.mixer.design.sequential import choose_next, expected_regret

NONE, ALL = np.zeros(3, dtype=bool), np.ones(3, dtype=bool)


def test_the_improvement_is_over_the_best_run_in_each_draw() -> None:
    # run 0 is tried: 1 in one world, 3 in the other; candidate 1 is always 2, candidate 2 is 0 or 9
    draws = np.array([[1.0, 2.0, 0.0], [3.0, 2.0, 9.0]])
    found = choose_next(draws, np.array([True, False, False]), ALL, 2)
    assert found.chosen.tolist() == [1, 2] or found.chosen.tolist() == [2, 1]
    np.testing.assert_allclose(found.improvement, [0.5, 0.5])


def test_a_batch_does_not_choose_twice_what_one_run_would_tell() -> None:
    # candidates 1 and 2 are the same; 3 improves less but elsewhere
    draws = np.array([[5.0, 1.0, 1.0, 5.0], [5.0, 5.0, 5.0, 3.0]])
    found = choose_next(draws, np.array([True, False, False, False]), np.ones(4, dtype=bool), 3)
    assert found.chosen.tolist() == [1, 3]
    np.testing.assert_allclose(found.improvement, [2.0, 1.0])


def test_what_is_not_allowed_is_neither_run_nor_recommended() -> None:
    draws = np.array([[3.0, 0.0, 2.0]])
    found = choose_next(draws, np.array([True, False, False]), np.array([True, False, True]), 3)
    assert found.chosen.tolist() == [2]
    assert found.regret == 0.0


def test_where_nothing_improves_nothing_is_chosen() -> None:
    draws = np.array([[1.0, 2.0, 3.0]] * 4)
    assert choose_next(draws, np.array([True, False, False]), ALL, 2).chosen.tolist() == []


def test_the_regret_is_of_the_mixture_with_the_least_mean() -> None:
    draws = np.array([[1.0, 2.0, 9.0], [1.0, 0.0, 9.0], [1.0, 1.5, 0.7]])
    assert expected_regret(draws, ALL) == pytest.approx((0.0 + 1.0 + 0.3) / 3)


def test_the_minimum_of_a_parabola_is_found_in_few_runs() -> None:
    """One domain's share x in [0, 1], loss (x - 0.37)^2 under a Gaussian process, started at both ends."""
    x = np.linspace(0, 1, 101)
    truth = (x - 0.37) ** 2
    prior = 0.3**2 * np.exp(-0.5 * ((x[:, None] - x) / 0.3) ** 2)
    tried = [0, 100]
    regrets = []
    for batch in range(3):
        gain = prior[:, tried] @ np.linalg.inv(prior[np.ix_(tried, tried)] + 1e-6 * np.eye(len(tried)))
        mean, covariance = 0.3 + gain @ (truth[tried] - 0.3), prior - gain @ prior[tried]
        values, vectors = np.linalg.eigh(covariance)
        normal = np.random.default_rng(batch).standard_normal((400, 101))
        draws = mean + normal * np.sqrt(np.maximum(values, 0)) @ vectors.T
        found = choose_next(draws, np.isin(np.arange(101), tried), np.ones(101, dtype=bool), 2)
        regrets.append(found.regret)
        tried += found.chosen.tolist()
    assert min(abs(x[i] - 0.37) for i in tried) <= 0.03
    assert regrets[2] < 0.2 * regrets[0]
