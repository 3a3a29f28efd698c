"""The power law: exact derivatives, recovery of a known law, convexity."""

from __future__ import annotations

import numpy as np

from midmix.mixer.laws import power
from midmix.mixer.laws.power import Power

RNG = np.random.default_rng(5)
WEIGHTS = RNG.dirichlet(np.full(3, 0.7), 24)
GAINS, FLOOR, EXPONENT = np.array([2.0, 0.3, 0.05]), 0.8, 0.35
LOSSES = FLOOR + (WEIGHTS @ GAINS) ** -EXPONENT


def test_the_jacobian_is_the_derivative() -> None:
    theta = np.array([0.3, -1.0, 0.2, 0.0, np.log(0.5), -0.4])
    step = 1e-6
    numeric = np.stack(
        [
            (power._value(theta + step * e, WEIGHTS, 1.3) - power._value(theta - step * e, WEIGHTS, 1.3)) / (2 * step)
            for e in np.eye(6)
        ],
        axis=1,
    )
    np.testing.assert_allclose(power._value_and_jacobian(theta, WEIGHTS, 1.3)[1], numeric, atol=1e-7)


def test_a_power_law_is_found_again_at_mixtures_not_seen() -> None:
    fitted = Power().fit(WEIGHTS, LOSSES, own=0)
    unseen = RNG.dirichlet(np.full(3, 2.0), 50)
    np.testing.assert_allclose(fitted.predict(unseen), FLOOR + (unseen @ GAINS) ** -EXPONENT, atol=0.01)


def test_the_fitted_law_is_convex_in_the_weights() -> None:
    fitted = Power().fit(WEIGHTS, LOSSES, own=None)
    left, right = RNG.dirichlet(np.ones(3), (2, 200))
    middle = fitted.predict((left + right) / 2)
    assert (middle <= (fitted.predict(left) + fitted.predict(right)) / 2 + 1e-12).all()


def test_the_deviation_grows_away_from_the_runs() -> None:
    inner = RNG.dirichlet(np.full(3, 20.0), 16)
    noisy = FLOOR + (inner @ GAINS) ** -EXPONENT + 0.01 * RNG.standard_normal(16)
    fitted = Power().fit(inner, noisy, own=None)
    _, sd = fitted.predict_with_sd(np.array([[1 / 3, 1 / 3, 1 / 3], [0.0, 0.0, 1.0]]))
    assert sd[1] > 3 * sd[0] > 0


def test_a_refit_keeps_the_noise_share_and_lands_where_the_full_fit_did() -> None:
    full = Power().fit(WEIGHTS, LOSSES, own=0)
    again = Power().fit(WEIGHTS, LOSSES, own=0, start=full)
    assert again.noise_share == full.noise_share
    np.testing.assert_allclose(again.predict(WEIGHTS), full.predict(WEIGHTS), atol=1e-4)


def test_predictions_are_clipped_above_what_was_seen() -> None:
    fitted = Power().fit(WEIGHTS, LOSSES, own=0)
    ceiling = LOSSES.max() + 0.75 * np.ptp(LOSSES)
    assert fitted.predict(np.array([[0.0, 0.0, 1.0]]))[0] <= ceiling
