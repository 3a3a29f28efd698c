"""Correlation of errors: exact on tiny errors, and always one that a covariance can be made with."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midmix.mixer.fit.correlation import COMMON_RUNS, error_correlation


def test_errors_that_are_one_correlate_fully() -> None:
    column = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(error_correlation(np.column_stack([column, 3 * column])), np.ones((2, 2)))


def test_eight_unseen_runs_are_taken_to_err_alike() -> None:
    errors = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert COMMON_RUNS == 8
    assert error_correlation(errors)[0, 1] == pytest.approx(8 / 12)


def test_opposite_errors_of_many_runs_stay_opposite() -> None:
    errors = np.random.default_rng(0).standard_normal(392)
    assert error_correlation(np.column_stack([errors, -errors]))[0, 1] == pytest.approx((8 - 392) / 400)


@given(st.integers(0, 10_000), st.integers(1, 20), st.integers(1, 6))
def test_it_is_a_correlation(seed: int, runs: int, metrics: int) -> None:
    errors = np.random.default_rng(seed).standard_normal((runs, metrics))
    errors[:, 0] = 0.0  # a metric whose law never errs
    found = error_correlation(errors)
    np.testing.assert_allclose(np.diag(found), 1.0)
    np.testing.assert_array_equal(found, found.T)
    assert np.linalg.eigvalsh(found).min() >= -1e-9 and np.abs(found).max() <= 1 + 1e-12
