"""Returns: what is raised to a power stays above 0, and b within its bounds."""

from __future__ import annotations

import numpy as np

from midmix.mixer.laws.returns import DIMINISHING, EVEN


def test_even_returns_count_weights_as_they_are_and_know_their_power() -> None:
    weights = np.array([[0.25, 0.75]])
    np.testing.assert_array_equal(EVEN.base(weights), weights)
    assert EVEN.bounds == (0.0, 0.0) and not EVEN.learnt


def test_diminishing_returns_stand_on_a_floor_and_never_grow() -> None:
    np.testing.assert_allclose(DIMINISHING.base(np.array([[0.0, 1.0]])), [[1e-4, 1.0001]])
    low, high = DIMINISHING.bounds
    assert low < DIMINISHING.log_mean < high == 0.0 and DIMINISHING.learnt


def test_a_weight_of_zero_or_a_rounding_below_it_has_a_logarithm() -> None:
    for returns in (EVEN, DIMINISHING):
        assert np.isfinite(np.log(returns.base(np.array([[0.0, -1e-18, 1.0]])))).all()
