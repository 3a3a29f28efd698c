"""The Gaussian process on losses: the textbook posterior, honest deviations."""

from __future__ import annotations

import numpy as np

from midmix.mixer.laws.gaussian_process import GaussianProcess
from midmix.mixer.laws.process import NOISE, kernel

RNG = np.random.default_rng(2)
WEIGHTS = RNG.dirichlet(np.ones(4), 20)


def smooth(weights: np.ndarray) -> np.ndarray:
    return 1.0 + 0.3 * np.log(weights[:, 0] + 0.05) ** 2 - 0.5 * np.sqrt(weights[:, 1])


def test_the_prediction_is_the_textbook_posterior() -> None:
    losses = smooth(WEIGHTS) + 0.05 * RNG.standard_normal(20)
    fitted = GaussianProcess().fit(WEIGHTS, losses, own=None)
    process = fitted.process
    at = RNG.dirichlet(np.ones(4), 5)
    x, z = process.inputs, (np.log(at + 5e-4) - process.scaling.centre) / process.scaling.scale
    np.testing.assert_allclose(x, (np.log(WEIGHTS + 5e-4) - process.scaling.centre) / process.scaling.scale)
    covariance = losses.var() * (kernel(process.hyper, x, x) + (np.exp(process.hyper[NOISE]) + 1e-8) * np.eye(20))
    cross = losses.var() * kernel(process.hyper, z, x)
    mean = losses.mean() + cross @ np.linalg.solve(covariance, losses - losses.mean())
    spread = losses.var() * kernel(process.hyper, z, z) - cross @ np.linalg.solve(covariance, cross.T)
    predicted, joint = fitted.predict_joint(at)
    np.testing.assert_allclose(predicted, mean, atol=1e-9)
    np.testing.assert_allclose(joint, spread, atol=1e-9)
    np.testing.assert_allclose(fitted.predict(at), predicted, atol=1e-12)
    np.testing.assert_allclose(fitted.predict_with_sd(at)[1], np.sqrt(np.diag(spread)), atol=1e-7)


def test_a_smooth_surface_is_predicted_and_its_deviations_hold_the_errors() -> None:
    fitted = GaussianProcess().fit(WEIGHTS, smooth(WEIGHTS), own=None)
    unseen = RNG.dirichlet(np.full(4, 2.0), 200)
    predicted, sd = fitted.predict_with_sd(unseen)
    error = predicted - smooth(unseen)
    assert np.sqrt(np.mean(error**2)) < 0.25 * smooth(unseen).std()
    assert 0.8 <= np.mean(np.abs(error) < 1.645 * sd) <= 1.0


def test_repeated_runs_teach_the_noise() -> None:
    weights = np.repeat(WEIGHTS, 3, axis=0)
    fitted = GaussianProcess().fit(weights, smooth(weights) + 0.1 * RNG.standard_normal(60), own=None)
    assert 0.07 < np.sqrt(fitted.process.noise) < 0.14


def test_losses_that_do_not_vary_are_predicted_as_they_are() -> None:
    fitted = GaussianProcess().fit(WEIGHTS, np.full(20, 1.5), own=None)
    np.testing.assert_allclose(fitted.predict(WEIGHTS[:3]), 1.5)
