"""The Gaussian process: exact gradient, the textbook posterior, honest deviations."""

from __future__ import annotations

import numpy as np

from midmix.mixer.laws import gaussian_process as gp
from midmix.mixer.laws.gaussian_process import GaussianProcess

RNG = np.random.default_rng(2)
WEIGHTS = RNG.dirichlet(np.ones(4), 20)


def smooth(weights: np.ndarray) -> np.ndarray:
    return 1.0 + 0.3 * np.log(weights[:, 0] + 0.05) ** 2 - 0.5 * np.sqrt(weights[:, 1])


def test_the_gradient_of_the_posterior_is_its_derivative() -> None:
    inputs = RNG.standard_normal((9, 4))
    objective = gp._objective(inputs, RNG.standard_normal(9))
    hyper = np.array([0.2, -0.3, -2.0, 0.1, 0.5, -0.7, 0.0])
    step = 1e-6
    numeric = [(objective(hyper + step * e)[0] - objective(hyper - step * e)[0]) / (2 * step) for e in np.eye(7)]
    np.testing.assert_allclose(objective(hyper)[1], numeric, rtol=1e-5, atol=1e-6)


def test_the_prediction_is_the_textbook_posterior() -> None:
    losses = smooth(WEIGHTS) + 0.05 * RNG.standard_normal(20)
    fitted = GaussianProcess().fit(WEIGHTS, losses, own=None)
    at = RNG.dirichlet(np.ones(4), 5)
    x, z = fitted.inputs, (np.log(at + gp.FLOOR) - fitted.centre) / fitted.scale
    noise = np.exp(fitted.hyper[gp.NOISE]) + gp.JITTER
    covariance = gp._kernel(fitted.hyper, x, x) + noise * np.eye(20)
    cross = gp._kernel(fitted.hyper, z, x)
    mean = losses.mean() + cross @ np.linalg.solve(covariance, losses - losses.mean())
    spread = gp._kernel(fitted.hyper, z, z) - cross @ np.linalg.solve(covariance, cross.T)
    predicted, sd = fitted.predict_with_sd(at)
    np.testing.assert_allclose(predicted, mean, atol=1e-9)
    np.testing.assert_allclose(predicted, fitted.predict(at), atol=1e-12)
    np.testing.assert_allclose(sd, losses.std() * np.sqrt(np.diag(spread)), atol=1e-7)


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
    noise_sd = fitted.spread * np.exp(0.5 * fitted.hyper[gp.NOISE])
    assert 0.07 < noise_sd < 0.14


def test_losses_that_do_not_vary_are_predicted_as_they_are() -> None:
    fitted = GaussianProcess().fit(WEIGHTS, np.full(20, 1.5), own=None)
    np.testing.assert_allclose(fitted.predict(WEIGHTS[:3]), 1.5)
