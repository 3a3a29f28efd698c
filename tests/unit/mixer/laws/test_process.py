"""The process: exact gradient of its posterior, and the textbook answer with trend and uneven noise."""

from __future__ import annotations

import numpy as np

from midmix.mixer.laws.features import SQRT
from midmix.mixer.laws.process import NOISE, UNEVEN, Prior, fit_process, kernel, objective
from midmix.mixer.laws.returns import DIMINISHING, EVEN
from midmix.mixer.laws.trend import LogPower

RNG = np.random.default_rng(6)
PRIOR = Prior(linear=(0.0, 2.0), radial=(0.0, 2.0), noise=(-3.0, 3.0), uneven=(-4.0, 3.0))


def test_the_gradient_of_the_posterior_is_its_derivative() -> None:
    inputs, basis = RNG.standard_normal((9, 4)), RNG.standard_normal((9, 2))
    evaluate = objective(inputs, RNG.standard_normal(9), basis @ basis.T, RNG.uniform(0.5, 2.0, 9), PRIOR)
    hyper = np.array([0.2, -0.3, -2.0, -1.0, 0.1, 0.5, -0.7, 0.0])
    step = 1e-6
    numeric = [(evaluate(hyper + step * e)[0] - evaluate(hyper - step * e)[0]) / (2 * step) for e in np.eye(8)]
    np.testing.assert_allclose(evaluate(hyper)[1], numeric, rtol=1e-5, atol=1e-6)


def test_the_prediction_is_the_textbook_posterior_around_a_learnt_trend() -> None:
    weights, at = RNG.dirichlet(np.ones(3), 12), RNG.dirichlet(np.ones(3), 4)
    values, profile = RNG.standard_normal(12), RNG.uniform(0.5, 2.0, 12)
    trend = LogPower(
        DIMINISHING, np.array([0.1, 0.2, -0.5, -1.0, -0.5]), np.array([0.0, 0.5, 0.0, -0.9, -0.6]), 0.5 * np.eye(5)
    )
    process = fit_process(weights, values, trend, SQRT, PRIOR, steps=5, profile=profile)
    x, z = process.scaling.inputs(weights), process.scaling.inputs(at)

    def covariance(left: np.ndarray, right: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return values.var() * kernel(process.hyper, left, right) + 0.5 * trend.basis(a) @ trend.basis(b).T

    noise = values.var() * (np.exp(process.hyper[NOISE]) + np.exp(process.hyper[UNEVEN]) * profile)
    whole = covariance(x, x, weights, weights) + np.diag(noise)
    cross = covariance(z, x, at, weights)
    mean = trend.mean(at) + cross @ np.linalg.solve(whole, values - trend.mean(weights))
    joint = covariance(z, z, at, at) - cross @ np.linalg.solve(whole, cross.T)
    np.testing.assert_allclose(process.predict(at), mean, atol=1e-6)
    np.testing.assert_allclose(process.predict_joint(at)[1], joint, atol=1e-6)
    np.testing.assert_allclose(process.predict_with_variance(at)[1], np.diag(joint), atol=1e-6)


def test_uneven_noise_is_found_where_it_is() -> None:
    weights = np.repeat(RNG.dirichlet(np.ones(3), 12), 4, axis=0)
    profile = np.repeat(np.tile([0.1, 4.0], 6), 4)
    values = 3 * weights[:, 0] + 0.2 * np.sqrt(profile) * RNG.standard_normal(48)
    trend = LogPower(EVEN, np.zeros(5), np.zeros(5), 1e-6 * np.eye(5))
    process = fit_process(weights, values, trend, SQRT, PRIOR, profile=profile)
    assert 0.1 < np.sqrt(process.uneven_noise) < 0.3
    assert process.noise < 0.02
