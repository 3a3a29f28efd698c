"""The learnt power law: its Jacobian and its slope are derivatives."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.mixer.laws.returns import DIMINISHING, EVEN, Returns
from midmix.mixer.laws.trend import LogPower, log_power

RNG = np.random.default_rng(4)
WEIGHTS = RNG.dirichlet(np.ones(3), 7)
GAINS = np.array([0.4, -1.0, 2.0])
THETA = {EVEN: np.r_[GAINS, np.log(0.5), 0.0], DIMINISHING: np.r_[GAINS, np.log(0.5), np.log(0.7)]}


def test_the_value_is_the_logarithm_of_the_power() -> None:
    even, _ = log_power(THETA[EVEN], WEIGHTS, EVEN)
    np.testing.assert_allclose(np.exp(even), (WEIGHTS @ np.exp(GAINS)) ** -0.5)
    falling, _ = log_power(THETA[DIMINISHING], WEIGHTS, DIMINISHING)
    np.testing.assert_allclose(np.exp(falling), ((WEIGHTS + 1e-4) ** 0.7 @ np.exp(GAINS)) ** -0.5)


@pytest.mark.parametrize("returns", [EVEN, DIMINISHING])
def test_the_jacobian_is_the_derivative_by_the_parameters(returns: Returns) -> None:
    theta, step = THETA[returns], 1e-6
    numeric = [
        (log_power(theta + step * e, WEIGHTS, returns)[0] - log_power(theta - step * e, WEIGHTS, returns)[0])
        / (2 * step)
        for e in np.eye(5)
    ]
    if returns is EVEN:
        numeric[4] = np.zeros(7)  # known, so nothing is learnt of it
    np.testing.assert_allclose(log_power(theta, WEIGHTS, returns)[1], np.stack(numeric, axis=1), atol=1e-8)


@pytest.mark.parametrize("returns", [EVEN, DIMINISHING])
def test_the_gradient_is_the_derivative_by_the_weights(returns: Returns) -> None:
    trend = LogPower(returns, THETA[returns], RNG.standard_normal(5), np.eye(5))
    coefficients, step = RNG.standard_normal(5), 1e-6

    def value(weights: np.ndarray) -> np.ndarray:
        return trend.mean(weights) + trend.basis(weights) @ coefficients

    numeric = [(value(WEIGHTS + step * e) - value(WEIGHTS - step * e)) / (2 * step) for e in np.eye(3)]
    np.testing.assert_allclose(trend.gradient(WEIGHTS, coefficients), np.stack(numeric, axis=1), rtol=1e-5, atol=1e-6)


def test_a_domain_without_weight_has_a_finite_value_and_slope() -> None:
    corner = np.array([[1.0, 0.0, 0.0]])
    for returns, theta in THETA.items():
        trend = LogPower(returns, theta, theta, np.eye(5))
        assert np.isfinite(trend.basis(corner)).all() and np.isfinite(trend.gradient(corner, np.ones(5))).all()
