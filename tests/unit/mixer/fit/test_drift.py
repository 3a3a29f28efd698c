"""What a calibration to a larger scale leaves open."""

from __future__ import annotations

import numpy as np

from midmix.mixer.fit.drift import Drift
from midmix.mixer.fit.swarm import Line

LINE = Line(centre=2.0, level=1.0, slope=0.5, level_sd=0.03, slope_sd=0.1, residual=0.2)
RNG = np.random.default_rng(0)
WEIGHTS = RNG.dirichlet(np.ones(4), 6)


def test_near_an_anchor_less_is_open_than_far_from_all() -> None:
    anchors = np.array([[0.97, 0.01, 0.01, 0.01]])
    points = np.array([[0.97, 0.01, 0.01, 0.01], [0.01, 0.01, 0.01, 0.97]])
    near, far = Drift(LINE, anchors).variance(points, np.array([1.0, 1.0]))
    assert near < 0.03**2 + 0.3 * 0.2**2 < far < 0.03**2 + 0.2**2


def test_the_slope_opens_with_the_distance_from_the_lines_centre() -> None:
    drift = Drift(LINE, WEIGHTS[:1])
    at_level, away = (drift.variance(WEIGHTS[1:2], np.array([mean]))[0] for mean in (1.0, 1.5))
    np.testing.assert_allclose(away - at_level, (0.5 * 0.1 / 0.5) ** 2)


def test_the_joint_covariance_has_the_variances_on_its_diagonal_and_is_one() -> None:
    drift, mean = Drift(LINE, RNG.dirichlet(np.ones(4), 5)), RNG.normal(1, 0.2, 6)
    covariance = drift.covariance(WEIGHTS, mean)
    np.testing.assert_allclose(np.diag(covariance), drift.variance(WEIGHTS, mean))
    assert np.linalg.eigvalsh(covariance).min() > -1e-12


def test_a_level_that_nobody_knows_cancels_between_two_mixtures() -> None:
    sure, unsure = (Drift(Line(2.0, 1.0, 0.5, sd, 0.1, 0.2), WEIGHTS[:2]) for sd in (0.0, 5.0))
    points, mean = WEIGHTS[2:4], np.array([0.9, 1.1])
    gap = np.array([1.0, -1.0])
    np.testing.assert_allclose(
        gap @ sure.covariance(points, mean) @ gap, gap @ unsure.covariance(points, mean) @ gap, rtol=1e-9
    )
