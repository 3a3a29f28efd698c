"""Claims about the laws: coverage that can fail, agreement of scales in both directions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from midmix.mixer.evidence.claim import NOT_SUPPORTED, SUPPORTED, WEAK
from midmix.mixer.evidence.laws import coverage, heldout_error, scale_agreement
from midmix.mixer.fit.heldout import MetricFit, fit_metric
from midmix.mixer.fit.swarm import Line, Swarm
from midmix.mixer.simplex import F64

NUM_RUNS = 40
GAINS = np.array([5.0, 1.0, 0.5, 0.2])


def mixtures(number: int, seed: int = 0) -> F64:
    return np.random.default_rng(seed).dirichlet(np.ones(4), number)


def law(weights: F64, gains: F64 = GAINS) -> F64:
    return 1.0 + (weights @ gains) ** -0.4


@pytest.fixture(scope="module")
def fitted() -> MetricFit:
    weights = mixtures(NUM_RUNS)
    losses = law(weights) + 0.02 * np.random.default_rng(1).standard_normal(NUM_RUNS)
    return fit_metric(weights, losses, np.arange(NUM_RUNS), None)


def with_errors(fit: MetricFit, errors: F64) -> tuple[MetricFit, F64]:
    """The fit as if its predictions on mixtures left out had these errors [n] at a deviation of 1."""
    held = replace(fit.heldout[fit.chosen], predicted=np.zeros(NUM_RUNS), sd=np.ones(NUM_RUNS))
    return replace(fit, heldout={fit.chosen: held}, calibrated=replace(fit.calibrated, noise_sd=0.0)), errors


def test_honest_intervals_hold_nine_in_ten(fitted: MetricFit) -> None:
    fit, losses = with_errors(fitted, np.random.default_rng(0).standard_normal(NUM_RUNS))
    claim = coverage([fit], losses[:, None], np.arange(NUM_RUNS))
    assert claim.verdict == SUPPORTED and claim.value == pytest.approx(0.9, abs=0.08)


def test_errors_that_grow_where_they_were_not_looked_at_are_found(fitted: MetricFit) -> None:
    """One half of the mixtures errs ten times as much: a scale learnt on the other half cannot hold it."""
    errors = np.random.default_rng(0).standard_normal(NUM_RUNS) * np.where(np.arange(NUM_RUNS) % 2, 10.0, 1.0)
    fit, losses = with_errors(fitted, errors)
    claim = coverage([fit], losses[:, None], np.arange(NUM_RUNS))
    assert claim.verdict == WEAK and claim.value is not None and claim.value < 0.75
    assert "surer than they may be" in claim.words


def test_the_error_is_that_of_the_predictions() -> None:
    claim = heldout_error("overall", np.array([1.0, 2.0, 3.0]), np.array([1.1, 1.8, 3.0]), "nats per token")
    assert claim.value == pytest.approx(0.1) and claim.unit == "nats per token"


def line(slope_sd: float) -> Line:
    return Line(centre=2.0, level=2.0, slope=0.5, level_sd=0.01, slope_sd=slope_sd, residual=0.01)


def two_scales(large: F64, mapped: Line) -> Swarm:
    """Twenty small runs and eight larger ones, whose losses are `large`."""
    weights = np.vstack([mixtures(20, 2), mixtures(8, 3)])
    losses = np.r_[law(weights[:20]), large][:, None]
    marks = (False,) * 20 + (True,) * 8
    return Swarm(
        tuple("abcd"),
        ("set:x",),
        tuple(range(28)),
        weights,
        losses,
        (False,) * 28,
        {},
        large=marks,
        lines={"set:x": mapped},
    )


@pytest.mark.parametrize(("sign", "verdict"), [(1.0, SUPPORTED), (-1.0, NOT_SUPPORTED)])
def test_scales_agree_or_do_not(sign: float, verdict: str) -> None:
    swarm = two_scales(2.0 + sign * 0.5 * law(mixtures(8, 3)), line(slope_sd=0.05))
    (claim,) = scale_agreement(swarm, ("set:x",), np.ones(1))
    assert claim.verdict == verdict and claim.value == pytest.approx(sign, abs=0.1)


def test_a_slope_that_is_not_known_is_weak() -> None:
    swarm = two_scales(2.0 + 0.5 * law(mixtures(8, 3)), line(slope_sd=0.3))
    (claim,) = scale_agreement(swarm, ("set:x",), np.ones(1))
    assert claim.verdict == WEAK and "not known for set:x" in claim.words


def test_one_scale_has_nothing_to_agree_with() -> None:
    swarm = two_scales(np.ones(8), line(slope_sd=0.3))
    assert scale_agreement(replace(swarm, large=()), ("set:x",), np.ones(1)) == []
