"""Damped Gauss-Newton against closed forms."""

from __future__ import annotations

import numpy as np

from midmix.mixer.laws.least_squares import least_squares

EVERYWHERE = np.full(2, np.inf)


def test_a_linear_problem_is_solved_as_the_normal_equations_do() -> None:
    rng = np.random.default_rng(0)
    design, target = rng.standard_normal((6, 2)), rng.standard_normal(6)
    found = least_squares(lambda t: (design @ t - target, design), np.zeros(2), 20, low=-EVERYWHERE, high=EVERYWHERE)
    expected = np.linalg.lstsq(design, target, rcond=None)[0]
    np.testing.assert_allclose(found.theta, expected, atol=1e-6)
    assert found.cost == 0.5 * np.sum((design @ found.theta - target) ** 2)


def test_the_valley_of_rosenbrock_is_followed_to_its_end() -> None:
    def residuals(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.array([10 * (t[1] - t[0] ** 2), 1 - t[0]]), np.array([[-20 * t[0], 10.0], [-1.0, 0.0]])

    found = least_squares(residuals, np.array([-1.2, 1.0]), 200, low=-EVERYWHERE, high=EVERYWHERE)
    np.testing.assert_allclose(found.theta, [1.0, 1.0], atol=1e-4)


def test_a_bound_is_kept() -> None:
    found = least_squares(
        lambda t: (t - 2.0, np.eye(2)), np.zeros(2), 50, low=np.array([-9.0, -9.0]), high=np.array([1.0, 9.0])
    )
    np.testing.assert_allclose(found.theta, [1.0, 2.0], atol=1e-6)
