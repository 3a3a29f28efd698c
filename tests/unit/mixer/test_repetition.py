"""Effective weights against the formula, its limits, and their derivative."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midmix.mixer.repetition import REPEATS, effective_weights, marginal_worth


def test_the_formula_of_muennighoff_at_four_epochs() -> None:
    # 0.4 of 1000 tokens from 100 unique ones: R = 3, D' = 100 + 100 x 15.387756 x (1 - exp(-3 / 15.387756))
    found = effective_weights(np.array([[0.4, 0.6]]), np.array([100.0, 600.0]), 1000)
    expected = 0.1 + 0.1 * 15.387756 * (1 - np.exp(-3 / 15.387756))
    np.testing.assert_allclose(found, [[expected, 0.6]], atol=1e-12)
    assert expected == pytest.approx(0.3726, abs=1e-4)


def test_weights_within_the_supply_are_worth_what_they_are() -> None:
    weights = np.array([[0.2, 0.8], [0.5, 0.5]])
    np.testing.assert_array_equal(effective_weights(weights, np.array([500.0, np.inf]), 1000), weights)


def test_a_domain_without_tokens_is_worth_nothing() -> None:
    weights, supply = np.array([[0.3, 0.7]]), np.array([0.0, 10_000.0])
    np.testing.assert_array_equal(effective_weights(weights, supply, 1000), [[0.0, 0.7]])
    np.testing.assert_array_equal(marginal_worth(weights, supply, 1000), [[0.0, 1.0]])


def test_endless_repeats_are_worth_sixteen_epochs() -> None:
    np.testing.assert_allclose(effective_weights(np.array([1.0]), np.array([1.0]), 1e6), [(1 + REPEATS) * 1e-6])


@given(st.floats(0.0, 1.0), st.integers(1, 5000))
def test_repeats_never_help_more_than_fresh_tokens_and_never_hurt(weight: float, supply: int) -> None:
    more = np.array([[weight], [weight + 0.01]])
    low, high = effective_weights(more, np.array([float(supply)]), 1000)[:, 0]
    assert 0 <= low <= weight + 1e-15
    assert -1e-15 <= high - low <= 0.01 + 1e-12


def test_the_worth_of_one_token_more_is_the_derivative() -> None:
    weights, supply, step = np.array([[0.05, 0.2, 0.75]]), np.array([100.0, 20.0, np.inf]), 1e-7
    after, before = (effective_weights(weights + sign * step, supply, 1000) for sign in (1, -1))
    np.testing.assert_allclose(marginal_worth(weights, supply, 1000), (after - before) / (2 * step), atol=1e-6)
