"""Calibrated intervals: each correction alone, and their promise on mixtures not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import halfnorm
from threadpoolctl import threadpool_limits

from midmix.mixer.fit.calibration import Calibrated, Fold, calibrate, fit_joint_scale, fit_scale, noise_between
from midmix.mixer.fit.heldout import fit_metric

RNG = np.random.default_rng(12)


@dataclass(frozen=True)
class Level:
    """Predicts the first weight, with deviation 0.1 and correlation 0.5."""

    def predict(self, weights: np.ndarray) -> np.ndarray:
        return weights[:, 0]

    def predict_with_sd(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return weights[:, 0], np.full(len(weights), 0.1)

    def predict_joint(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = len(weights)
        return weights[:, 0], 0.01 * (0.5 * np.eye(n) + 0.5)


def folds_of(errors: np.ndarray, sd: float, means: np.ndarray) -> list[Fold]:
    """Folds of eight runs, each of its own mixture, uncorrelated."""
    rows = np.arange(len(errors)).reshape(-1, 8)
    return [Fold(r, means[r], sd**2 * np.eye(8), means[r] - errors[r], r) for r in rows]


def test_deviations_follow_the_level() -> None:
    calibrated = Calibrated(Level(), centre=0.5, spread=0.25, scale=2.0, slope=0.3, joint_scale=1.5, noise_sd=0.2)
    weights = np.array([[0.5, 0.5], [0.75, 0.25]])
    factor = 2.0 * np.exp([0.0, 0.3])
    mean, sd = calibrated.predict_with_sd(weights)
    np.testing.assert_array_equal(mean, [0.5, 0.75])
    np.testing.assert_allclose(sd, 0.1 * factor)
    np.testing.assert_allclose(calibrated.predict_outcome(weights)[1], np.hypot(0.1, 0.2) * factor)
    joint = calibrated.predict_joint(weights)[1]
    np.testing.assert_allclose(np.sqrt(np.diag(joint)), 1.5 * sd)
    assert joint[0, 1] == pytest.approx(0.5 * np.sqrt(joint[0, 0] * joint[1, 1]))
    with pytest.raises(TypeError, match="Level has no gradient"):
        calibrated.gradient(weights)


def test_the_scale_and_its_slope_are_found() -> None:
    level = RNG.uniform(-2, 2, 3000)
    errors = np.abs(RNG.standard_normal(3000)) * 2.0 * np.exp(0.4 * level)
    scale, slope = fit_scale(errors, np.ones(3000), level)
    assert scale == pytest.approx(2.0, rel=0.1)
    assert slope == pytest.approx(0.4, abs=0.08)


def test_few_errors_move_the_scale_less_than_many() -> None:
    few, many = (fit_scale(4.0 * halfnorm.ppf((np.arange(n) + 0.5) / n), np.ones(n), np.zeros(n))[0] for n in (6, 600))
    assert 1.3 < few < many - 0.5
    assert many == pytest.approx(4.0, rel=0.1)


def test_noise_is_pooled_over_repeats_and_the_guess_counts_as_three() -> None:
    measured, groups = np.array([1.0, 3.0, 5.0, 7.0]), np.array([0, 0, 1, 2])
    assert noise_between(measured, groups, None) == pytest.approx(np.sqrt(2.0))
    assert noise_between(measured, groups, 1.0) == pytest.approx(np.sqrt((2.0 + 3.0) / 4))
    assert noise_between(measured, np.arange(4), 0.3) == pytest.approx(0.3)
    assert noise_between(measured, np.arange(4), None) == 0.0


def test_differences_that_stray_twice_as_far_widen_the_joint_posterior() -> None:
    means = RNG.random(400)
    plain = Calibrated(Level(), 0.5, 0.25, 1.0, 0.0, 1.0, 0.0)
    found = fit_joint_scale(folds_of(0.2 * RNG.standard_normal(400), 0.1, means), plain)
    assert found == pytest.approx(2.0, rel=0.15)
    alone = [Fold(np.array([i]), means[[i]], np.eye(1), means[[i]], np.array([i])) for i in range(30)]
    assert fit_joint_scale(alone, plain) == 1.0


def test_overconfident_laws_are_widened_until_nine_in_ten_hold() -> None:
    means = RNG.random(800)
    errors = 0.3 * RNG.standard_normal(800)
    calibrated = calibrate(Level(), folds_of(errors, 0.1, means), 0.0)
    _, sd = calibrated.predict_with_sd(np.column_stack([means, 1 - means]))
    assert np.mean(np.abs(errors) < 1.645 * sd) == pytest.approx(0.9, abs=0.03)


def test_intervals_hold_on_mixtures_not_seen_by_a_whole_fit() -> None:
    gains = np.array([3.0, 0.5, 0.1, 0.02])

    def truth(weights: np.ndarray) -> np.ndarray:
        return 0.8 + (weights @ gains) ** -0.35 + 0.1 * np.sqrt(weights[:, 1] * weights[:, 2])

    unseen = RNG.dirichlet(np.ones(4), 400)
    inside = []
    with threadpool_limits(1):
        for _ in range(3):
            weights = RNG.dirichlet(np.full(4, 0.7), 40)
            losses = truth(weights) + 0.03 * RNG.standard_normal(40)
            calibrated = fit_metric(weights, losses, np.arange(40), 0).calibrated
            mean, sd = calibrated.predict_outcome(unseen)
            measured = truth(unseen) + 0.03 * RNG.standard_normal(400)
            inside.append(np.abs(mean - measured) < 1.645 * sd)
    assert 0.82 <= np.mean(inside) <= 0.98
