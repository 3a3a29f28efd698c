"""The learnt power law: its Jacobian and its slope are derivatives."""

from __future__ import annotations

import numpy as np

from midmix.mixer.laws.trend import LogPower, log_power

RNG = np.random.default_rng(4)
WEIGHTS = RNG.dirichlet(np.ones(3), 7)
THETA = np.array([0.4, -1.0, 2.0, np.log(0.5)])


def test_the_value_is_the_logarithm_of_the_power() -> None:
    value, _ = log_power(THETA, WEIGHTS)
    np.testing.assert_allclose(np.exp(value), (WEIGHTS @ np.exp(THETA[:3])) ** -0.5)


def test_the_jacobian_is_the_derivative_by_the_parameters() -> None:
    step = 1e-6
    numeric = [
        (log_power(THETA + step * e, WEIGHTS)[0] - log_power(THETA - step * e, WEIGHTS)[0]) / (2 * step)
        for e in np.eye(4)
    ]
    np.testing.assert_allclose(log_power(THETA, WEIGHTS)[1], np.stack(numeric, axis=1), atol=1e-8)


def test_the_gradient_is_the_derivative_by_the_weights() -> None:
    trend = LogPower(THETA, RNG.standard_normal(4), np.eye(4))
    coefficients, step = RNG.standard_normal(4), 1e-6

    def value(weights: np.ndarray) -> np.ndarray:
        return trend.mean(weights) + trend.basis(weights) @ coefficients

    numeric = [(value(WEIGHTS + step * e) - value(WEIGHTS - step * e)) / (2 * step) for e in np.eye(3)]
    np.testing.assert_allclose(trend.gradient(WEIGHTS, coefficients), np.stack(numeric, axis=1), atol=1e-6)
