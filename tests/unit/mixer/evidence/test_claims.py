"""Verdicts: true swarms are supported, shuffled ones are not, and each missing leg is named."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from midmix.mixer import baselines
from midmix.mixer.design.space_filling import design_mixtures
from midmix.mixer.evidence.claim import NOT_SUPPORTED, SUPPORTED, WEAK
from midmix.mixer.evidence.claims import evidence_rows
from midmix.mixer.fit.swarm import Swarm
from midmix.mixer.limits import make_limits
from midmix.mixer.optimize.problem import Goals
from midmix.mixer.optimize.recommend import Recommendation, optimize_weights

TOKENS = np.array([5_000_000, 2_000_000, 1_000_000, 900_000, 600_000])
DOMAINS = ("crawl", "repos", "proofs", "math", "chats")
LIMITS = make_limits(DOMAINS, np.minimum(1.0, TOKENS * 4 / 6_000_000))
REPLAY = np.array([0.8, 0.2, 0.0, 0.0, 0.0])
BASELINE = np.array([0.6, 0.1, 0.1, 0.1, 0.1])
REFERENCES = {"natural": baselines.natural(TOKENS), "baseline": BASELINE, "replay": REPLAY}
GOALS = Goals({"math": ("set:math", 0.5), "code": ("set:code", 0.5)}, {})
Rows = list[dict[str, Any]]


def made_up_swarm(seed: int, *, num_mixtures: int = 12, num_seeds: int = 2, noise: float = 0.01) -> Swarm:
    """14 runs over 5 domains: power laws of random gains, each target fed mainly by a scarce domain."""
    rng = np.random.default_rng(seed)
    design = design_mixtures(
        TOKENS, LIMITS, control=REPLAY, baseline=BASELINE, num_mixtures=num_mixtures, num_seeds=num_seeds, seed=seed
    )
    gains = np.exp(rng.normal(0.0, 0.7, (2, 5)))
    gains[0, 3] *= 20
    gains[1, 2] *= 20
    losses = 0.9 + (design.weights @ gains.T) ** -0.3 + noise * rng.standard_normal((len(design.weights), 2))
    control = tuple(bool(np.allclose(w, REPLAY)) for w in design.weights)
    return Swarm(DOMAINS, ("set:math", "set:code"), tuple(range(len(losses))), design.weights, losses, control, {})


def recommend(swarm: Swarm, goals: Goals = GOALS) -> Recommendation:
    return optimize_weights(
        swarm,
        goals,
        tokens=TOKENS,
        limits=LIMITS,
        total_tokens=6_000_000,
        references=REFERENCES,
        fallback="baseline",
        seed=1,
    )


def evidence(swarm: Swarm, goals: Goals = GOALS) -> Rows:
    return evidence_rows(recommend(swarm, goals), swarm, goals, [], REFERENCES)


def rows_of(recommendation: Recommendation, domain_targets: Collection[str] = ()) -> Rows:
    """Rows about a recommendation that is made once for several tests."""
    assert recommendation.evidence is not None
    found = recommendation.evidence
    return evidence_rows(recommendation, found.swarm, found.goals, domain_targets, REFERENCES)


@pytest.fixture(scope="module")
def sound() -> Recommendation:
    return recommend(made_up_swarm(0))


@pytest.fixture(scope="module")
def impossible() -> Recommendation:
    """No mixture lowers the loss on code by 2 bits per byte."""
    return recommend(made_up_swarm(0), Goals({"math": ("set:math", 1.0)}, {"general": ("set:code", -2.0)}))


def row(rows: Rows, claim: str, subject: str = "overall") -> dict[str, Any]:
    (found,) = [r for r in rows if r["claim"] == claim and r["subject"] == subject]
    return found


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.full) for seed in (2, 3))])
def test_a_clear_signal_is_supported(seed: int) -> None:
    rows = evidence(made_up_swarm(seed))
    verdict = row(rows, "verdict")
    assert verdict["verdict"] == SUPPORTED, verdict["words"]
    gain = row(rows, "gain_over_natural")
    assert 0 < gain["low"] <= gain["value"] <= gain["high"] and gain["unit"] == "bits per byte"
    assert row(rows, "law_skill")["value"] > 0.5
    assert rows == sorted(rows, key=lambda r: (r["subject"], r["claim"]))


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.full) for seed in range(3, 20))])
def test_losses_shuffled_between_runs_are_not_supported(seed: int) -> None:
    swarm = made_up_swarm(seed % 4)
    shuffled = replace(swarm, losses=swarm.losses[np.random.default_rng(100 + seed).permutation(len(swarm.runs))])
    verdict = row(evidence(shuffled), "verdict")
    assert verdict["verdict"] == NOT_SUPPORTED
    assert "To settle it: run" in verdict["words"]


def test_without_repeats_the_noise_is_inferred_and_support_is_weak_at_best() -> None:
    rows = evidence(made_up_swarm(0, num_mixtures=14, num_seeds=1))
    floor, verdict = row(rows, "noise_floor"), row(rows, "verdict")
    assert floor["verdict"] == verdict["verdict"] == WEAK
    assert 0.001 < floor["value"] < 0.03  # 0.01 / sqrt(2) is true of the mean of two targets
    assert "No mixture was run twice" in verdict["words"]
    assert "run the proposed mixture and the natural mixture with 3 seeds each" in verdict["words"]


def test_inferred_noise_that_drowns_the_effect_is_not_supported() -> None:
    rows = evidence(made_up_swarm(0, num_mixtures=14, num_seeds=1, noise=1.0))
    assert row(rows, "verdict")["verdict"] == NOT_SUPPORTED


def test_fewer_than_eight_mixtures_are_too_few() -> None:
    rows = evidence(made_up_swarm(0, num_mixtures=7))
    assert row(rows, "learnt")["verdict"] == NOT_SUPPORTED
    verdict = row(rows, "verdict")
    assert verdict["verdict"] == NOT_SUPPORTED and "run 8 mixtures or more" in verdict["words"]


def test_when_nothing_learnt_every_run_is_named_and_the_verdict_stands_alone() -> None:
    swarm = made_up_swarm(0)
    empty = replace(
        swarm, runs=(), weights=swarm.weights[:0], losses=swarm.losses[:0], control=(), left_out={3: "learnt nothing"}
    )
    rows = evidence(empty)
    assert {r["claim"] for r in rows} == {"learnt", "verdict"}
    assert "run 3 (learnt nothing)" in row(rows, "learnt")["words"]
    assert row(rows, "verdict")["verdict"] == NOT_SUPPORTED and row(rows, "verdict")["value"] is None


def test_noise_as_large_as_the_effect_is_not_supported() -> None:
    rows = evidence(made_up_swarm(0, noise=0.5))
    assert row(rows, "verdict")["verdict"] == NOT_SUPPORTED


def test_a_kept_bound_is_supported_and_an_impossible_one_names_the_clash(impossible: Recommendation) -> None:
    kept = evidence(made_up_swarm(0), Goals({"math": ("set:math", 1.0)}, {"general": ("set:code", 0.5)}))
    rise = row(kept, "retention_rise", "retain:general")
    assert rise["verdict"] == SUPPORTED and rise["low"] < rise["value"] < rise["high"]
    broken = rows_of(impossible)
    clash = row(broken, "bounds_clash")
    assert clash["verdict"] == NOT_SUPPORTED and clash["value"] > 0.5
    assert f"general by {clash['value']:.4f}" in clash["words"]
    assert row(broken, "verdict")["verdict"] == NOT_SUPPORTED


def test_a_domain_as_target_is_warned_of(sound: Recommendation) -> None:
    rows = rows_of(sound, ["math"])
    warning = row(rows, "training_domain", "target:math")
    assert warning["verdict"] == WEAK and warning["words"].startswith("Warning")
    assert row(rows, "verdict")["verdict"] == SUPPORTED


def test_every_reference_is_compared_with(sound: Recommendation) -> None:
    rows = rows_of(sound)
    assert {r["subject"] for r in rows if r["claim"] == "gain_of_optimum"} == {"mixture:replay"}
    assert {r["subject"] for r in rows if r["claim"] == "gain_over_baseline"} == {
        "overall",
        "target:math",
        "target:code",
    }


def test_a_mixture_that_breaks_a_bound_is_no_alternative() -> None:
    """The verdict rests on the gain over a mixture that could be chosen instead, and its row gives that gain."""
    goals = Goals({"math": ("set:math", 1.0)}, {"code": ("set:code", 0.0)})
    swarm = made_up_swarm(0)
    found = recommend(swarm, goals)
    broken = replace(found, faults={"natural": "breaks the bound on code"})
    rows = evidence_rows(broken, swarm, goals, [], REFERENCES)
    assert row(rows, "gain_over_natural")["words"].endswith("breaks the bound on code, so it is no alternative.")
    assert row(rows, "verdict")["value"] == row(rows, "gain_over_baseline")["value"]
    whole = evidence_rows(replace(found, faults={}), swarm, goals, [], REFERENCES)
    assert row(whole, "verdict")["value"] == row(whole, "gain_over_natural")["value"]


def test_a_loss_is_called_a_loss(impossible: Recommendation) -> None:
    words = [r["words"] for r in rows_of(impossible) if r["claim"].startswith("gain_") and r["value"] < 0]
    assert words and all("is expected to lose" in w and "against the" in w for w in words)
