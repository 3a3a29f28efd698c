"""Next runs: where a run tells most, how many are needed, and the variance that they leave by the exact formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midmix.mixer.evidence.comparison import Belief
from midmix.mixer.evidence.next_run import next_runs


def belief(covariance: list[list[float]]) -> Belief:
    return Belief(np.zeros(len(covariance)), np.array(covariance))


def test_two_independent_mixtures_are_run_once_each() -> None:
    # Variance 2 before; a run with noise 1 halves the variance of its mixture: 1.5, then 1.
    found = next_runs(belief([[1.0, 0.0], [0.0, 1.0]]), 0, 1, noise=1.0, enough=1.0)
    assert (found.mixtures, found.seeds, found.settles) == ((0, 1), (1, 1), True)
    assert (found.before, found.after) == pytest.approx((2**0.5, 1.0))


def test_nothing_is_run_where_the_difference_is_known() -> None:
    found = next_runs(belief([[1.0, 0.9], [0.9, 1.0]]), 0, 1, noise=1.0, enough=0.5)
    assert (found.mixtures, found.seeds, found.settles) == ((), (), True)
    assert found.after == found.before == pytest.approx(0.2**0.5)


def test_a_third_mixture_that_amplifies_the_difference_tells_most() -> None:
    amplified = [[1.0, 0.0, 3.0], [0.0, 1.0, -3.0], [3.0, -3.0, 18.0]]  # its loss is 3 x (first - second)
    found = next_runs(belief(amplified), 0, 1, noise=1.0, enough=0.4)
    # 2 - 6^2 / (18 + 1) is 0.105 = 0.324^2
    assert (found.mixtures, found.seeds) == ((2,), (1,))
    assert found.after == pytest.approx((2 - 36 / 19) ** 0.5)


def test_noise_beyond_all_seeds_is_said_not_to_settle() -> None:
    found = next_runs(belief([[1.0, 0.0], [0.0, 1.0]]), 0, 1, noise=10.0, enough=0.1, most=6)
    assert not found.settles and sum(found.seeds) == 6
    assert found.after == pytest.approx((2 / 1.03) ** 0.5)  # three runs each: 1 / (1 + 3 / 100)


@given(st.integers(0, 10_000), st.integers(2, 6), st.floats(0.01, 3.0))
def test_the_deviation_left_is_that_of_the_exact_posterior(seed: int, size: int, noise: float) -> None:
    factor = np.random.default_rng(seed).standard_normal((size, size))
    prior = factor @ factor.T
    found = next_runs(Belief(np.zeros(size), prior), 0, 1, noise=noise, enough=0.0, most=5)
    rows = [mixture for mixture, seeds in zip(found.mixtures, found.seeds, strict=True) for _ in range(seeds)]
    cross = prior[:, rows]
    left = prior - cross @ np.linalg.solve(prior[np.ix_(rows, rows)] + noise**2 * np.eye(len(rows)), cross.T)
    expected = left[0, 0] + left[1, 1] - 2 * left[0, 1]
    assert found.after**2 == pytest.approx(expected, abs=1e-6 * max(1.0, np.trace(prior)))
    assert found.after <= found.before + 1e-12
