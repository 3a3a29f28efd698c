"""The power laws: exact derivatives, recovery of a known law, convexity."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.mixer.laws import power
from midmix.mixer.laws.power import Power
from midmix.mixer.laws.returns import DIMINISHING, EVEN, Returns

RNG = np.random.default_rng(5)
WEIGHTS = RNG.dirichlet(np.full(3, 0.7), 24)
GAINS, FLOOR, EXPONENT, RETURNS = np.array([2.0, 0.3, 0.05]), 0.8, 0.35, 0.5


def true_losses(weights: np.ndarray, returns: Returns) -> np.ndarray:
    data = weights @ GAINS if returns is EVEN else (weights + 1e-4) ** RETURNS @ GAINS
    return FLOOR + data**-EXPONENT


LOSSES = true_losses(WEIGHTS, EVEN)


@pytest.mark.parametrize("returns", [EVEN, DIMINISHING])
def test_the_jacobian_is_the_derivative(returns: Returns) -> None:
    theta = np.array([0.3, -1.0, 0.2, 0.0, np.log(0.5), -0.4, np.log(0.7) if returns.learnt else 0.0])
    step = 1e-6

    def value(at: np.ndarray) -> np.ndarray:
        return power._value(at, WEIGHTS, 1.3, returns)

    numeric = np.stack([(value(theta + step * e) - value(theta - step * e)) / (2 * step) for e in np.eye(7)], axis=1)
    if returns is EVEN:
        numeric[:, 6] = 0.0  # known, so nothing is learnt of it
    np.testing.assert_allclose(power._value_and_jacobian(theta, WEIGHTS, 1.3, returns)[1], numeric, atol=1e-7)


@pytest.mark.parametrize("returns", [EVEN, DIMINISHING])
def test_a_power_law_is_found_again_at_mixtures_not_seen(returns: Returns) -> None:
    fitted = Power(returns).fit(WEIGHTS, true_losses(WEIGHTS, returns), own=0)
    unseen = RNG.dirichlet(np.full(3, 2.0), 50)
    np.testing.assert_allclose(fitted.predict(unseen), true_losses(unseen, returns), atol=0.01)


def test_learnt_returns_are_those_of_the_runs_and_known_ones_stay() -> None:
    weights = RNG.dirichlet(np.full(3, 0.5), 200)
    learnt = Power(DIMINISHING).fit(weights, true_losses(weights, DIMINISHING), own=0)
    assert np.exp(learnt.theta[-1]) == pytest.approx(RETURNS, abs=0.05)
    assert Power().fit(weights, true_losses(weights, DIMINISHING), own=0).theta[-1] == 0.0


def test_returns_never_grow() -> None:
    growing = FLOOR + (WEIGHTS**2 @ GAINS) ** -EXPONENT
    assert Power(DIMINISHING).fit(WEIGHTS, growing, own=0).theta[-1] <= 0.0


@pytest.mark.parametrize("returns", [EVEN, DIMINISHING])
def test_the_fitted_law_is_convex_in_the_weights(returns: Returns) -> None:
    fitted = Power(returns).fit(WEIGHTS, LOSSES, own=None)
    left, right = RNG.dirichlet(np.ones(3), (2, 200))
    middle = fitted.predict((left + right) / 2)
    assert (middle <= (fitted.predict(left) + fitted.predict(right)) / 2 + 1e-12).all()


def test_the_deviation_grows_away_from_the_runs() -> None:
    inner = RNG.dirichlet(np.full(3, 20.0), 16)
    noisy = FLOOR + (inner @ GAINS) ** -EXPONENT + 0.01 * RNG.standard_normal(16)
    fitted = Power().fit(inner, noisy, own=None)
    _, sd = fitted.predict_with_sd(np.array([[1 / 3, 1 / 3, 1 / 3], [0.0, 0.0, 1.0]]))
    assert sd[1] > 3 * sd[0] > 0


@pytest.mark.parametrize("returns", [EVEN, DIMINISHING])
def test_a_refit_keeps_the_noise_share_and_lands_where_the_full_fit_did(returns: Returns) -> None:
    full = Power(returns).fit(WEIGHTS, LOSSES, own=0)
    again = Power(returns).fit(WEIGHTS, LOSSES, own=0, start=full)
    assert again.noise_share == full.noise_share
    np.testing.assert_allclose(again.predict(WEIGHTS), full.predict(WEIGHTS), atol=1e-4)


def test_predictions_are_clipped_above_what_was_seen() -> None:
    fitted = Power().fit(WEIGHTS, LOSSES, own=0)
    ceiling = LOSSES.max() + 0.75 * np.ptp(LOSSES)
    assert fitted.predict(np.array([[0.0, 0.0, 1.0]]))[0] <= ceiling
