"""What runs with and without a domain say of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from midmix.mixer.evidence.ablations import ablations, left_out
from midmix.mixer.evidence.claim import NOT_SUPPORTED, SUPPORTED
from midmix.mixer.fit.swarm import Swarm

WITH, WITHOUT, OTHER = [0.2, 0.3, 0.5], [0.0, 0.375, 0.625], [0.0, 0.5, 0.5]
BITS = "bits per byte"
ALL = {"overall": np.array([0.5, 0.5]), "gold": np.array([0.0, 1.0])}


def swarm(rows: list[list[float]], large: tuple[bool, ...] = ()) -> Swarm:
    weights = np.array(rows)
    return Swarm(
        ("maths", "code", "web"), ("a", "b"), tuple(range(len(rows))), weights, np.zeros((len(rows), 2)),
        (False,) * len(rows), {}, large=large,
    )  # fmt: skip


def test_a_pair_differs_in_one_domain_alone_and_is_of_one_scale() -> None:
    given = swarm([WITH, OTHER, WITHOUT])
    assert left_out(given.weights, given.replicates) == [(0, 0, 4)]
    apart = swarm([WITH, OTHER, WITHOUT], large=(False, False, True))
    assert left_out(apart.weights, apart.replicates) == []


def test_the_rise_is_the_difference_of_the_means_with_the_noise_of_the_repeats() -> None:
    losses = np.array([[1.0, 1.0], [1.0, 1.02], [1.0, 1.2], [1.0, 1.22]])
    claims = {c.claim: c for c in ablations(swarm([WITH, WITH, WITHOUT, WITHOUT]), losses, ALL, BITS)}
    gold = claims["rise_without:gold"]
    assert gold.value == pytest.approx(0.2) and gold.verdict == SUPPORTED and gold.subject == "ablation:maths"
    assert gold.low == pytest.approx(0.2 - 2.92 * np.sqrt(4 * 0.01**2 / 2), abs=2e-4)
    assert claims["rise_without"].value == pytest.approx(0.1)
    assert gold.words.startswith("Without maths gold rises by 0.2000 bits per byte (2 runs with it, 2 without")


def test_an_effect_within_the_noise_or_without_repeats_is_not_supported() -> None:
    noisy = np.array([[0.0, 1.0], [0.0, 1.4], [0.0, 1.2], [0.0, 1.5]])
    (claim,) = ablations(swarm([WITH, WITH, WITHOUT, WITHOUT]), noisy, {"gold": ALL["gold"]}, BITS)
    assert claim.verdict == NOT_SUPPORTED and "within the noise" in claim.reason
    (claim,) = ablations(swarm([WITH, WITHOUT]), noisy[:2], {"gold": ALL["gold"]}, BITS)
    assert claim.verdict == NOT_SUPPORTED and "no mixture was run with two seeds" in claim.words


def test_the_control_on_web_alone_is_no_ablation_but_a_mixture_that_was_asked_for_is() -> None:
    given = swarm([WITH, WITH, WITHOUT])
    assert ablations(replace(given, web=frozenset({2})), np.zeros((3, 2)), ALL, BITS) == []
    asked = swarm([WITH, WITH, WITHOUT, WITHOUT])
    assert len(ablations(replace(asked, web=frozenset({2})), np.zeros((4, 2)), ALL, BITS)) == 2
