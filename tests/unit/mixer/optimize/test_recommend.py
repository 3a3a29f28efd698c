"""A whole recommendation from swarms whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from midmix.errors import InputError
from midmix.mixer import baselines
from midmix.mixer.design.space_filling import design_mixtures
from midmix.mixer.fit.swarm import Swarm
from midmix.mixer.limits import Limits, make_limits
from midmix.mixer.optimize.problem import Goals, gather_evidence
from midmix.mixer.optimize.recommend import Recommendation, optimize_weights

TOKENS = np.array([6_000_000, 2_000_000, 1_500_000, 400_000])
CAPS = np.minimum(1.0, TOKENS * 4 / 5_000_000)
LIMITS = make_limits("abcd", CAPS)
TOTAL = 5_000_000
REPLAY = np.array([0.8, 0.2, 0.0, 0.0])
GAINS = np.array([[0.2, 0.5, 3.0, 4.0], [3.0, 0.8, 0.2, 0.2]])  # the target likes domains 2 and 3, retention domain 0
REFERENCES = {"natural": baselines.natural(TOKENS), "replay": REPLAY}


def truth(weights: np.ndarray) -> np.ndarray:
    return 0.7 + (np.atleast_2d(weights) @ GAINS.T) ** -0.3


def make_swarm(noise: float = 0.003, num_mixtures: int = 12) -> Swarm:
    design = design_mixtures(
        TOKENS, LIMITS, control=REPLAY, baseline=None, num_mixtures=num_mixtures, num_seeds=2, seed=1
    )  # fmt: skip
    losses = truth(design.weights) + noise * np.random.default_rng(7).standard_normal((len(design.weights), 2))
    control = tuple(bool(np.allclose(w, REPLAY)) for w in design.weights)
    names = ("a", "b", "c", "d")
    return Swarm(names, ("set:goal", "set:keep"), tuple(range(len(losses))), design.weights, losses, control, {})


def recommend(
    swarm: Swarm,
    max_rise: float | None = None,
    limits: Limits = LIMITS,
    references: dict[str, np.ndarray] = REFERENCES,
) -> Recommendation:
    retain = {} if max_rise is None else {"keep": ("set:keep", max_rise)}
    goals = Goals({"goal": ("set:goal", 1.0)}, retain)
    return optimize_weights(
        swarm, goals, tokens=TOKENS, limits=limits, total_tokens=TOTAL, references=references, fallback="natural", seed=5
    )  # fmt: skip


@cache
def recommended(max_rise: float | None = None, noise: float = 0.003) -> Recommendation:
    """What several tests look at, made once."""
    return recommend(make_swarm(noise), max_rise)


def test_without_bounds_the_optimum_is_near_the_true_one() -> None:
    found = recommended()
    # Domain 3 to its cap of 0.32, the rest to domain 2: the true optimum under the caps.
    best = truth(np.array([0.0, 0.0, 0.68, 0.32]))[0, 0]
    assert truth(found.weights)[0, 0] - best < 0.01
    assert (found.weights <= CAPS + 1e-6).all()
    assert round(found.weights.sum() * 1e6) == 1_000_000
    assert found.low is not None and found.high is not None
    assert (found.low <= found.weights).all() and (found.weights <= found.high).all()


def test_a_bound_is_kept_in_truth_and_costs_some_of_the_gain() -> None:
    free, bound = recommended(), recommended(0.1)
    level = truth(REPLAY)[0, 1]
    assert truth(free.weights)[0, 1] > level + 0.3
    assert truth(bound.weights)[0, 1] <= level + 0.1
    assert truth(free.weights)[0, 0] < truth(bound.weights)[0, 0] < truth(REPLAY)[0, 0]
    assert bound.feasible and bound.rises["keep"].excess <= 0
    assert bound.rises["keep"].value < 0.1


def test_gains_hold_the_true_ones() -> None:
    found = recommended(0.1)
    for reference, weights in REFERENCES.items():
        gain = found.gains[reference, "overall"]
        true = truth(weights)[0, 0] - truth(found.weights)[0, 0]
        assert gain.low <= gain.value <= gain.high
        assert gain.low - 0.005 <= true <= gain.high + 0.005
        assert found.gains[reference, "goal"] == gain


def test_more_noise_gives_wider_intervals() -> None:
    quiet, loud = recommended(None, 0.002), recommended(None, 0.05)
    widths = [r.gains["natural", "overall"].high - r.gains["natural", "overall"].low for r in (quiet, loud)]
    assert widths[1] > 3 * widths[0]


def test_a_bound_that_cannot_be_kept_gives_the_least_excess_and_says_so() -> None:
    found = recommended(-1.0)
    assert not found.feasible
    assert 0.9 < found.rises["keep"].excess < 1.3
    assert found.weights[0] > 0.95  # all to the domain that keeps the loss lowest


def test_references_that_break_a_bound_or_a_cap_are_named() -> None:
    found = recommended(0.01)
    assert found.faults == {"natural": "breaks the bound on keep"}
    greedy = {"natural": REFERENCES["natural"], "baseline": np.array([0.0, 0.0, 0.5, 0.5])}
    found = recommend(make_swarm(), references=greedy)
    assert found.faults == {"baseline": "asks for more of a domain than its cap"}


def test_a_lost_control_is_stood_in_for_by_the_laws_at_replay() -> None:
    swarm = make_swarm()
    stay = ~np.array(swarm.control)
    lost = replace(
        swarm,
        runs=tuple(np.array(swarm.runs)[stay].tolist()),
        weights=swarm.weights[stay],
        losses=swarm.losses[stay],
        control=(False,) * int(stay.sum()),
    )
    assert truth(recommend(lost, max_rise=0.1).weights)[0, 1] <= truth(REPLAY)[0, 1] + 0.1


def test_too_few_mixtures_give_the_fallback_within_its_caps() -> None:
    swarm = make_swarm()
    few = replace(swarm, runs=swarm.runs[:3], weights=swarm.weights[:3], losses=swarm.losses[:3], control=(True,) * 3)
    found = recommend(few)
    np.testing.assert_allclose(found.weights, REFERENCES["natural"], atol=1e-6)
    assert found.low is None and found.evidence is None and not found.gains


def test_a_target_without_losses_is_refused() -> None:
    with pytest.raises(InputError, match=r"no final set:missing .* it has set:goal, set:keep"):
        gather_evidence(make_swarm(), Goals({"missing": ("set:missing", 1.0)}, {}))


def test_minima_and_frozen_groups_hold_in_the_recommendation() -> None:
    """Domain a would get nothing, and c twice what d gets: a minimum and a group say otherwise."""
    limits = make_limits("abcd", CAPS, {"a": 0.15}, [{"c": 1, "d": 1}])
    found = recommend(make_swarm(), limits=limits)
    assert limits.broken(found.weights) <= 2e-6
    np.testing.assert_allclose(found.weights, [0.15, 0.21, 0.32, 0.32], atol=5e-3)
    assert found.faults == {"natural": "does not keep to the minima or the frozen groups"}
    assert {(p.kind, p.name) for p in found.prices} >= {("cap", "c + d"), ("minimum", "a")}
    assert all(p.value > 0 for p in found.prices)


def test_the_frontier_is_true_and_rises() -> None:
    found = recommended(0.1)
    level = truth(REPLAY)[0, 1]
    gains = [point.gain.value for point in found.frontier]
    assert len(gains) >= 5 and gains == sorted(gains)
    for point in found.frontier:
        assert truth(point.weights)[0, 1] - level <= point.allowed[0] + 0.01
        true = truth(REPLAY)[0, 0] - truth(point.weights)[0, 0]
        assert point.gain.low - 0.02 <= true <= point.gain.high + 0.02


def test_doubles_keep_limits_and_lie_on_both_sides() -> None:
    found = recommended(None, 0.1)
    assert found.least is not None and found.most is not None
    for j in range(4):
        assert found.least[j, j] <= found.weights[j] + 1e-6 <= found.most[j, j] + 2e-6
    for weights in (*found.least, *found.most):
        assert LIMITS.broken(weights) < 1e-9
    gaps = truth(np.vstack([found.least, found.most]))[:, 0] - truth(found.weights)[0, 0]
    assert np.abs(gaps).max() < 0.3
    assert (found.most - found.least).diagonal().max() > 0.02


def test_an_infeasible_bound_says_what_clashes() -> None:
    clash = recommended(-1.0).clash
    assert clash is not None and 0.9 < clash.bounds["keep"] < 1.3 and clash.limits == {}
    assert recommended(0.1).clash is None
