"""Runs and trainings as the laws see them."""

from __future__ import annotations

import numpy as np

from midmix.mixer.fit.finals import Kind
from midmix.mixer.fit.swarm import Swarm
from midmix.mixer.optimize.repetition import Repetition
from midmix.mixer.repetition import effective_weights

REPETITION = Repetition(np.array([100, 50, 1000]), 200)
NAMES = ("a", "b", "c")
WEIGHTS = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]])


def test_runs_are_seen_at_the_tokens_that_they_trained_on() -> None:
    swarm = Swarm(
        NAMES, ("set:x",), (0, 1), WEIGHTS, np.zeros((2, 1)), (False, False), {},
        kind=Kind("theirs", "L2", 100, 10), large=(False, True), larger=Kind("ours", "L9", 1000, 10),
    )  # fmt: skip
    small, large = REPETITION.of_runs(swarm)
    np.testing.assert_allclose(small, [0.5, 0.5, 0.0])  # 50 of 100 and 50 of 50 tokens: no pass is a second one
    np.testing.assert_allclose(large, effective_weights(WEIGHTS[1], REPETITION.tokens, 1000))
    assert (large[:2] < 0.5).all()


def test_our_own_proxies_repeat_as_the_training_that_they_stand_for() -> None:
    swarm = Swarm(
        NAMES, ("set:x",), (0, 1), WEIGHTS, np.zeros((2, 1)), (False, False), {},
        kind=Kind("proxy", "L2", 100, 10), large=(False, True), larger=Kind("ours", "L9", 1000, 10),
    )  # fmt: skip
    small, large = REPETITION.of_runs(swarm)
    np.testing.assert_array_equal(small, REPETITION.fresh(WEIGHTS[0]))
    np.testing.assert_allclose(large, effective_weights(WEIGHTS[1], REPETITION.tokens, 1000))


def test_runs_of_unknown_length_are_taken_as_they_are() -> None:
    swarm = Swarm(NAMES, ("set:x",), (0, 1), WEIGHTS, np.zeros((2, 1)), (False, False), {})
    np.testing.assert_array_equal(REPETITION.of_runs(swarm), WEIGHTS)


def test_a_training_is_seen_at_its_own_length() -> None:
    fresh = REPETITION.fresh(WEIGHTS[0])
    np.testing.assert_allclose(fresh[0], 0.5)
    assert 0.25 < fresh[1] < 0.5
    np.testing.assert_allclose(REPETITION.slope(WEIGHTS[0]), [1.0, np.exp(-1 / 15.387756), 1.0])
