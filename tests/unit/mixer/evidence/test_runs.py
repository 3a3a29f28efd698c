"""Claims about the runs: signal to noise by its definition, per target, and silence where there is nothing to say."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.mixer.evidence.claim import NOT_SUPPORTED, SUPPORTED, WEAK
from midmix.mixer.evidence.runs import noise_floor, signals
from midmix.mixer.fit.swarm import Swarm
from midmix.mixer.optimize.problem import Goals
from midmix.mixer.simplex import F64

WEIGHTS = np.array([[0.2, 0.8], [0.2, 0.8], [0.5, 0.5], [0.9, 0.1]])  # the first two differ in seed alone
UNUSED = np.full(2, np.nan)  # inferred noise, where repeats give a measured one
GOALS = Goals({"math": ("set:math", 0.5), "code": ("set:code", 0.5)}, {})


def swarm(losses: F64, weights: F64 = WEIGHTS) -> Swarm:
    return Swarm(
        ("a", "b"), ("set:math", "set:code"), tuple(range(len(weights))), weights, losses, (False,) * len(weights), {}
    )


def test_signal_to_noise_of_each_target() -> None:
    # Seeds differ by 0.1 in math and by 1 in code: 0.0707 and 0.707 as standard deviations.
    losses = np.array([[1.0, 2.0], [1.1, 3.0], [2.0, 2.2], [3.0, 2.8]])
    math, code = signals(swarm(losses), GOALS, losses, UNUSED)
    assert (math.subject, code.subject) == ("target:math", "target:code")
    assert math.value == pytest.approx(losses[:, 0].std() / (0.1 / 2**0.5))
    assert code.value == pytest.approx(losses[:, 1].std() / (1 / 2**0.5))
    assert (math.verdict, code.verdict) == (SUPPORTED, NOT_SUPPORTED)
    assert "leave it out" in code.words and "leave it out" not in math.words


def test_between_two_and_three_is_weak() -> None:
    losses = np.array([[1.0], [1.2], [1.0], [1.9]]) @ np.ones((1, 2))
    claim = signals(swarm(losses), GOALS, losses, UNUSED)[0]
    assert claim.value is not None and 2 < claim.value < 3 and claim.verdict == WEAK


def test_without_repeats_inferred_noise_is_weak_at_best() -> None:
    weights = np.array([[0.2, 0.8], [0.3, 0.7], [0.5, 0.5], [0.9, 0.1]])
    losses = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    sd = losses[:, 0].std()
    clear, drowned = signals(swarm(losses, weights), GOALS, losses, np.array([0.1, 1.0]))
    assert (clear.verdict, drowned.verdict) == (WEAK, NOT_SUPPORTED)
    assert (clear.value, drowned.value) == pytest.approx((sd / 0.1, sd))
    floor = noise_floor(swarm(losses, weights), losses[:, 0], inferred=0.1)
    assert (floor.verdict, floor.value) == (WEAK, 0.1) and "No mixture was run twice" in floor.words
    assert "only inferred" in floor.reason
    assert noise_floor(swarm(losses, weights), losses[:, 0], inferred=1.0).verdict == NOT_SUPPORTED


def test_the_floor_measured_between_seeds_counts_more_than_the_inferred_one() -> None:
    losses = np.array([1.0, 1.1, 2.0, 3.0])
    floor = noise_floor(swarm(np.column_stack([losses, losses])), losses, inferred=5.0)
    assert (floor.verdict, floor.value) == (SUPPORTED, pytest.approx(0.1 / 2**0.5))
