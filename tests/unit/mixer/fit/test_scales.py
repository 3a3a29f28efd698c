"""Runs of two sizes in one fit, on made-up losses whose map between the sizes is known."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.mixer.fit.finals import Kind
from midmix.mixer.fit.scales import at_larger_scale, by_scale, fit_line
from midmix.mixer.fit.swarm import Anchors, Swarm

RNG = np.random.default_rng(0)
SMALL, LARGE = Kind("proxy", "small", 100, 10), Kind("outside", "large", 1000, 1000)
WEIGHTS, ANCHORS = RNG.dirichlet(np.ones(3), 24), RNG.dirichlet(np.ones(3), 8)
METRICS = ("set:a", "set:b")


def small(weights: np.ndarray) -> np.ndarray:
    """Two power laws [n, 2]."""
    return np.column_stack([(weights @ gains) ** -0.3 for gains in ((3.0, 1.0, 0.3), (0.2, 1.0, 4.0))])


def large(weights: np.ndarray) -> np.ndarray:
    """The same on lines of their own: steep and low, flat and high."""
    return small(weights) * [1.2, 0.3] + [-0.5, 0.9]


def swarm(anchors: np.ndarray | None) -> Swarm:
    return Swarm(
        domains=("x", "y", "z"),
        metrics=METRICS,
        runs=tuple(range(24)),
        weights=WEIGHTS,
        losses=small(WEIGHTS),
        control=(True, *[False] * 23),
        left_out={},
        kind=SMALL,
        anchors=None if anchors is None else Anchors(LARGE, tuple(range(100, 108)), ANCHORS, anchors),
    )


def test_a_line_is_found_and_its_slope_is_less_sure_the_noisier_the_runs() -> None:
    expected = np.linspace(1.0, 2.0, 12)
    noise = np.random.default_rng(1).standard_normal(12)
    exact, rough = (fit_line(expected, 0.4 + 0.7 * expected + s * noise, spread=0.3) for s in (0.001, 0.1))
    np.testing.assert_allclose(exact.at(np.array([1.0, 1.5])), [1.1, 1.45], atol=0.01)
    assert exact.slope == pytest.approx(0.7, abs=0.02)
    assert rough.slope_sd > 5 * exact.slope_sd and abs(rough.slope - 0.7) < 3 * rough.slope_sd
    assert rough.residual > 5 * exact.residual


def test_losses_are_mapped_per_metric_and_the_anchors_join_the_runs() -> None:
    pooled = at_larger_scale(swarm(large(ANCHORS)), METRICS)
    assert pooled.runs == (*range(24), *range(100, 108)) and pooled.larger == LARGE
    assert pooled.large == (*[False] * 24, *[True] * 8)
    np.testing.assert_allclose(pooled.losses[24:], large(ANCHORS))
    np.testing.assert_allclose(pooled.losses[:24], large(WEIGHTS), atol=0.03)
    assert [round(pooled.lines[m].slope, 1) for m in METRICS] == [1.2, 0.3]
    assert pooled.scale == "outside large, 1,000 tokens"


def test_an_anchor_on_the_control_mixture_is_a_control() -> None:
    both = ANCHORS.copy()
    both[3] = WEIGHTS[0]
    with_control = swarm(large(both))
    assert with_control.anchors is not None
    pooled = at_larger_scale(
        Swarm(**{**vars(with_control), "anchors": Anchors(LARGE, with_control.anchors.runs, both, large(both))}),
        METRICS,
    )
    assert [run for run, control in zip(pooled.runs, pooled.control, strict=True) if control] == [0, 103]
    assert pooled.groups[0] == pooled.groups[27] and pooled.replicates[0] != pooled.replicates[27]


def test_without_anchors_the_swarm_keeps_its_scale() -> None:
    alone = at_larger_scale(swarm(None), ("set:b",))
    assert alone.scale == "proxy small, 100 tokens" and alone.metrics == ("set:b",)
    np.testing.assert_array_equal(alone.losses[:, 0], small(WEIGHTS)[:, 1])


def test_a_metric_that_too_few_anchors_measured_stays_at_the_small_scale() -> None:
    measured = large(ANCHORS)
    measured[3:, 1] = np.nan
    both, second = at_larger_scale(swarm(measured), METRICS), by_scale(swarm(measured))
    assert both.scale == "proxy small, 100 tokens" and len(both.runs) == 24
    assert [(part.metrics, len(part.runs)) for part in second] == [(("set:a",), 32), (("set:b",), 24)]


def test_a_metric_that_nobody_measured_leaves_the_swarm_as_it_is() -> None:
    given = swarm(large(ANCHORS))
    assert at_larger_scale(given, ("set:a", "set:c")) is given
