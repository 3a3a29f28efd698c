"""Bounds as differences to a control, and combinations of metrics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from midmix.mixer.optimize.predictor import Predictor
from midmix.mixer.optimize.problem import AT_AN_OPTIMUM, ONE_SIDED_95, Bound, Problem, joint_margin
from midmix.mixer.optimize.repetition import Repetition

CONTROL = np.array([0.6, 0.4])


def test_a_rise_over_the_control_is_one_difference_under_one_law(linear: type) -> None:
    predictor = Predictor((linear((0.0, 0.0)), linear((1.0, 3.0), sd=0.1)), np.eye(2))
    bound = Bound("keep", 1, CONTROL, 0.5)
    mean, sd = bound.rise(np.array([[0.3, 0.7], [0.6, 0.4]]), predictor)
    np.testing.assert_allclose(mean, [0.6, 0.0], atol=1e-12)
    np.testing.assert_allclose(sd, [0.1 * np.hypot(0.3, 0.3), 0.0], atol=1e-12)
    np.testing.assert_allclose(
        bound.excess(np.array([[0.3, 0.7]]), predictor), [0.6 + ONE_SIDED_95 * 0.1 * np.hypot(0.3, 0.3) - 0.5]
    )


def test_a_known_level_has_no_deviation_of_its_own(linear: type) -> None:
    predictor = Predictor((linear((1.0, 3.0), sd=0.1),), np.eye(1))
    mean, sd = Bound("keep", 0, 2.0, 0.0).rise(CONTROL[None], predictor)
    np.testing.assert_allclose([mean[0], sd[0]], [1.8 - 2.0, 0.1 * np.hypot(0.6, 0.4)])


def test_several_bounds_are_kept_together_with_the_confidence_of_one() -> None:
    normal = [joint_margin(num_bounds) / AT_AN_OPTIMUM for num_bounds in (1, 2, 5)]
    np.testing.assert_allclose(normal, [1.6449, 1.9600, 2.3263], atol=1e-4)


def test_the_control_itself_keeps_every_bound(make_problem: Callable[..., Problem], linear: type) -> None:
    problem = make_problem([linear((1.0, 0.0), sd=5.0)], [1.0], None, Bound("keep", 0, CONTROL, 0.0))
    assert problem.excess(CONTROL[None])[0] == 0


def test_errors_that_go_together_widen_a_combination(linear: type) -> None:
    laws = (linear((0.0, 0.0), sd=0.3), linear((0.0, 0.0), sd=0.4))
    alone, together = (Predictor(laws, np.array([[1.0, c], [c, 1.0]])) for c in (0.0, 1.0))
    gap = np.array([[1.0, 0.0]])
    length = np.hypot(0.4, 0.4)
    for predictor, expected in ((alone, 0.5), (together, 0.7)):
        _, sd = predictor.difference(gap, CONTROL, np.array([1.0, 1.0]))
        assert sd[0] == pytest.approx(expected * length)
        drawn = predictor.draws(np.vstack([gap, CONTROL]), np.array([1.0, 1.0]), 20_000, seed=0)
        assert (drawn[:, 0] - drawn[:, 1]).std() == pytest.approx(expected * length, rel=0.03)


def test_a_share_that_repeats_gains_less_and_the_control_repeats_nothing(linear: type) -> None:
    """Two passes over domain a, which the loss falls with: less than twice one pass; the control counts in full."""
    repetition = Repetition(np.array([40, 1000]), 100)
    predictor = Predictor((linear((-1.0, 0.0)),), np.eye(1), repetition)
    worth = repetition.fresh(np.array([0.8, 0.2]))[0]
    assert worth < 0.8
    assert predictor.mean(np.array([[0.8, 0.2]]))[0, 0] == pytest.approx(-worth)
    gap, _ = predictor.difference(np.array([[0.8, 0.2]]), np.array([0.4, 0.6]), np.ones(1))
    assert gap[0] == pytest.approx(0.4 - worth)
    rise, _ = Bound("keep", 0, np.array([0.8, 0.2]), 0.0).rise(np.array([[0.8, 0.2]]), predictor)
    assert rise[0] == pytest.approx(0.8 - worth)
    law = predictor.sloped(predictor.fits[0])
    assert law.gradient(np.array([[0.8, 0.2]]))[0, 0] == pytest.approx(-np.exp(-1 / 15.387756))
