"""The default law: joint posterior, noise that it must find, and swarms that tell it little."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

from midmix.mixer.laws.log_excess import SHARES, LogExcess
from midmix.mixer.laws.response import floor_under

RNG = np.random.default_rng(9)
WEIGHTS = RNG.dirichlet(np.full(4, 0.7), 32)
GAINS = np.array([3.0, 0.5, 0.1, 0.02])


def truth(weights: np.ndarray) -> np.ndarray:
    return 0.8 + (weights @ GAINS) ** -0.35 + 0.1 * np.sqrt(weights[:, 1] * weights[:, 2])


@pytest.fixture(scope="module")
def fitted() -> object:
    with threadpool_limits(1):
        return LogExcess().fit(WEIGHTS, truth(WEIGHTS), own=0)


def test_the_parts_share_the_whole() -> None:
    assert sum(SHARES.values()) == pytest.approx(1.0)


def test_a_floor_lies_under_the_least_loss_by_a_share_of_the_range() -> None:
    losses = np.array([2.0, 3.0, 4.0])
    assert floor_under(losses, 1.0) == 1.0
    assert floor_under(losses, 1.99) == pytest.approx(2.0 - 0.05 * 2.0)
    assert floor_under(np.full(3, 2.0), 1.99) == pytest.approx(2.0 - 0.02 * 2.0)
    assert floor_under(np.zeros(3), 0.0) < 0


def test_unseen_mixtures_are_ranked(fitted: object) -> None:
    unseen = RNG.dirichlet(np.ones(4), 300)
    predicted = fitted.predict(unseen)
    assert spearmanr(predicted, truth(unseen))[0] > 0.99
    assert np.abs(predicted - truth(unseen)).mean() < 0.05 * truth(unseen).std()


def test_deviations_are_the_diagonal_of_the_joint_posterior(fitted: object) -> None:
    unseen = RNG.dirichlet(np.ones(4), 30)
    mean, sd = fitted.predict_with_sd(unseen)
    joint_mean, covariance = fitted.predict_joint(unseen)
    np.testing.assert_allclose(mean, fitted.predict(unseen))
    np.testing.assert_allclose(joint_mean, mean)
    np.testing.assert_allclose(sd**2, np.diag(covariance), rtol=1e-4, atol=1e-12)
    assert np.linalg.eigvalsh(covariance).min() > -1e-9


def test_the_gradient_is_the_derivative(fitted: object) -> None:
    at, step = RNG.dirichlet(np.full(4, 3.0), 5), 1e-6
    numeric = [(fitted.predict(at + step * e) - fitted.predict(at - step * e)) / (2 * step) for e in np.eye(4)]
    np.testing.assert_allclose(fitted.gradient(at), np.stack(numeric, axis=1), rtol=1e-4, atol=1e-5)


def test_the_noise_of_single_runs_is_found_without_repeats() -> None:
    weights = RNG.dirichlet(np.full(4, 0.7), 80)
    noise = 0.25 * truth(weights).std()
    with threadpool_limits(1):
        noisy = LogExcess().fit(weights, truth(weights) + noise * RNG.standard_normal(80), own=0)
    assert 0.5 * noise < noisy.noise_sd < 1.5 * noise


def test_a_refit_lands_where_the_full_fit_did(fitted: object) -> None:
    with threadpool_limits(1):
        again = LogExcess().fit(WEIGHTS, truth(WEIGHTS), own=0, start=fitted)
    np.testing.assert_allclose(again.predict(WEIGHTS), fitted.predict(WEIGHTS), atol=0.02)


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(4, 12),
    k=st.integers(2, 5),
    kind=st.sampled_from(["constant", "noise", "zeros", "one mixture", "tiny", "huge"]),
    own=st.sampled_from([None, 0]),
    seed=st.integers(0, 5),
)
def test_swarms_that_tell_little_give_finite_answers(n: int, k: int, kind: str, own: int | None, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(k), n)
    losses = 1.0 + rng.random(n)
    if kind == "constant":
        losses = np.full(n, 1.5)
    elif kind == "noise":
        losses = np.abs(1.0 + 5 * rng.standard_normal(n)) + 0.01
    elif kind == "zeros":
        weights = np.eye(k)[rng.integers(0, k, n)]
    elif kind == "one mixture":
        weights = np.repeat(weights[:1], n, axis=0)
    else:
        losses = losses * {"tiny": 1e-4, "huge": 1e4}[kind]
    at = np.vstack([weights, np.eye(k)])
    with threadpool_limits(1):
        law = LogExcess().fit(weights, losses, own=own)
    mean, sd = law.predict_with_sd(at)
    covariance = law.predict_joint(at)[1]
    assert np.isfinite(mean).all() and np.isfinite(sd).all() and np.isfinite(covariance).all()
    assert np.isfinite(law.gradient(at)).all() and np.isfinite(law.noise_sd)
    reach = max(float(np.ptp(losses)), 0.05 * float(losses.max()))
    assert mean.min() > losses.min() - 2 * reach and mean.max() < losses.max() + 2 * reach
