"""Beliefs about differences: exact on tiny covariances, positive semi-definite for means of metrics, verdicts at their edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midmix.mixer.evidence.claim import NOT_SUPPORTED, SUPPORTED, WEAK
from midmix.mixer.evidence.comparison import Belief, believe, sureness, verdict_of
from midmix.mixer.simplex import F64

CORNERS = np.eye(2)


@dataclass(frozen=True)
class Known:
    """A law that says what it is told, whatever the weights."""

    mean: F64
    covariance: F64

    def predict(self, weights: F64) -> F64:
        return self.mean

    def predict_with_sd(self, weights: F64) -> tuple[F64, F64]:
        return self.mean, np.sqrt(np.diag(self.covariance))

    def predict_joint(self, weights: F64) -> tuple[F64, F64]:
        return self.mean, self.covariance


def covariance_of(seed: int, size: int) -> F64:
    factor = np.random.default_rng(seed).standard_normal((size, size))
    return factor @ factor.T


def test_what_two_mixtures_share_drops_out_of_their_difference() -> None:
    belief = Belief(np.array([2.0, 1.5]), np.array([[1.0, 0.92], [0.92, 1.0]]))
    assert belief.difference(0, 1) == pytest.approx((0.5, 0.4))  # sqrt(1 + 1 - 2 x 0.92)
    assert belief.differences()[1, 0] == -0.5
    assert belief.difference_sd()[0, 0] == 0.0


def test_one_metric_is_scaled_by_its_weight() -> None:
    law = Known(np.array([2.0, 4.0]), np.array([[4.0, 1.0], [1.0, 2.0]]))
    belief = believe([law, law], np.array([0.0, 0.5]), np.eye(2), CORNERS)
    np.testing.assert_allclose(belief.mean, [1.0, 2.0])
    np.testing.assert_allclose(belief.covariance, [[1.0, 0.25], [0.25, 0.5]])


@pytest.mark.parametrize(("correlation", "share"), [(1.0, 1.0), (0.5, 0.75), (0.0, 0.5)])
def test_a_mean_of_two_alike_metrics_is_as_sure_as_their_errors_are_apart(correlation: float, share: float) -> None:
    law = Known(np.array([2.0, 4.0]), np.array([[4.0, 1.0], [1.0, 2.0]]))
    belief = believe([law, law], np.array([0.5, 0.5]), np.array([[1.0, correlation], [correlation, 1.0]]), CORNERS)
    np.testing.assert_allclose(belief.mean, law.mean)
    np.testing.assert_allclose(belief.covariance, share * law.covariance)


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(2, 6))
def test_the_covariance_of_a_mean_is_one_and_lies_under_full_correlation(seed: int, metrics: int, size: int) -> None:
    laws = [Known(np.zeros(size), covariance_of(seed + d, size)) for d in range(metrics)]
    raw = covariance_of(seed + 77, metrics) + 0.1 * np.eye(metrics)
    scale = np.sqrt(np.diag(raw))
    weights = np.random.default_rng(seed).dirichlet(np.ones(metrics))
    belief = believe(laws, weights, raw / np.outer(scale, scale), np.eye(size))
    assert np.linalg.eigvalsh(belief.covariance).min() >= -1e-8 * np.trace(belief.covariance)
    most = sum(w * np.sqrt(np.diag(law.covariance)) for w, law in zip(weights, laws, strict=True))
    assert (np.sqrt(np.maximum(np.diag(belief.covariance), 0)) <= most + 1e-9).all()


@pytest.mark.parametrize(
    ("difference", "sd", "verdict"),
    [
        (1.97, 1.0, SUPPORTED),
        (-1.97, 1.0, SUPPORTED),
        (1.95, 1.0, WEAK),
        (0.85, 1.0, WEAK),
        (0.83, 1.0, NOT_SUPPORTED),
        (0.1, 0.0, SUPPORTED),
        (0.0, 0.0, NOT_SUPPORTED),
    ],
)
def test_verdicts_at_their_edges(difference: float, sd: float, verdict: str) -> None:
    assert verdict_of(difference, sd) == verdict


def test_a_mixture_is_not_better_than_itself() -> None:
    belief = Belief(np.array([1.0, 2.0]), np.eye(2))
    sure = sureness(belief.differences(), belief.difference_sd())
    np.testing.assert_allclose(np.diag(sure), 0.5)
    assert sure[0, 1] == pytest.approx(0.7602, abs=1e-4)  # the normal distribution at 1 / sqrt(2)
