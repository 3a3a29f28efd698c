"""The runs that would settle a verdict: seeds by hand, and the right mixtures named for what is in doubt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from midmix.mixer.evidence.claim import WEAK, Claim
from midmix.mixer.evidence.settle import direct_seeds, settling_words
from midmix.mixer.fit.swarm import Kind, Swarm
from midmix.mixer.limits import make_limits
from midmix.mixer.optimize.problem import Goals
from midmix.mixer.optimize.recommend import Recommendation, optimize_weights

DOMAINS = ("crawl", "proofs", "repos")
REFERENCES = {"natural": np.array([0.7, 0.1, 0.2]), "replay": np.array([1.0, 0.0, 0.0])}
GOALS = Goals({"math": ("set:math", 1.0)}, {"general": ("set:general", 0.3)})


@pytest.fixture(scope="module")
def recommendation() -> Recommendation:
    """Twelve mixtures and two repeats; proofs help math and hurt the general set."""
    rng = np.random.default_rng(0)
    weights = np.vstack([list(REFERENCES.values()), rng.dirichlet(np.ones(3), 10), list(REFERENCES.values())])
    losses = np.column_stack(
        [1 + (weights @ [1.0, 9.0, 2.0]) ** -0.4, 1 + (weights @ [4.0, 0.4, 1.0]) ** -0.4]
    ) + 0.02 * rng.standard_normal((14, 2))
    control = tuple(bool(w[0] == 1.0) for w in weights)
    kind = Kind("proxy", "1M", 2_000_000, 1_000_000)
    swarm = Swarm(DOMAINS, ("set:math", "set:general"), tuple(range(14)), weights, losses, control, {}, kind=kind)
    return optimize_weights(
        swarm,
        GOALS,
        tokens=np.array([700, 100, 200]),
        limits=make_limits(DOMAINS, np.ones(3)),
        total_tokens=1000,
        references=REFERENCES,
        fallback="natural",
        seed=1,
    )


def words(recommendation: Recommendation, *claims: Claim) -> str:
    return settling_words(claims, recommendation, "natural", REFERENCES)


def claim(name: str, subject: str = "overall") -> Claim:
    return Claim(subject, name, WEAK, "")


def test_seeds_of_a_direct_comparison() -> None:
    assert direct_seeds(0.1, 0.1) == 8  # 2 x 1.96^2 = 7.7
    assert direct_seeds(-0.1, 0.1) == 8
    assert direct_seeds(1.0, 0.01) == 2  # one run each would leave no spread to see
    assert direct_seeds(0.0, 0.1) > 20


@pytest.mark.parametrize("doubt", ["law_skill", "interval_coverage", "extrapolation", "scale_agreement"])
def test_doubt_about_the_laws_is_settled_without_them(recommendation: Recommendation, doubt: str) -> None:
    said = words(recommendation, claim(doubt), claim("gain_over_natural"))
    assert "run the proposed mixture and the natural mixture with 2 seeds each" in said
    assert "proxy 1M, 2,000,000 tokens" in said and "whatever the laws say" in said


def test_a_gain_in_doubt_is_settled_where_it_shrinks_most(recommendation: Recommendation) -> None:
    """Laws twenty times as unsure leave the gain open; a few runs of the two mixtures close it."""
    found = recommendation.evidence
    assert found is not None
    unsure = [replace(fit, calibrated=replace(fit.calibrated, joint_scale=20.0)) for fit in found.fits]
    doubtful = replace(recommendation, evidence=replace(found, fits=tuple(unsure)))
    said = words(doubtful, claim("gain_over_natural"))
    assert "with 1 seed" in said and "proxy 1M" in said and said.endswith(".")
    assert "which shows a difference of" in said
    before, after = (float(part.split()[0].rstrip(",.:")) for part in said.split("±")[1:3])
    assert 1.645 / 1.96 * recommendation.gains["natural", "overall"].value >= after - 1e-3 and after < before
    assert "with 2 seeds" in words(recommendation, claim("gain_over_natural"))


def test_a_bound_in_doubt_is_settled_against_the_control(recommendation: Recommendation) -> None:
    rise = recommendation.rises["general"]
    doubtful = replace(recommendation, rises={"general": replace(rise, max_rise=rise.value + 0.1 * rise.sd)})
    said = words(doubtful, claim("retention_rise", "retain:general"))
    assert "the 90% interval shrinks from ±" in said
    before, after = (float(part.split()[0].rstrip(",.:")) for part in said.split("±")[1:3])
    assert after < before == pytest.approx(1.645 * rise.sd, rel=0.05)
    passed = replace(recommendation, rises={"general": replace(rise, max_rise=rise.value - 0.01)})
    assert "the control with 3 seeds each" in words(passed, claim("retention_rise", "retain:general"))


def test_noise_in_doubt_takes_three_seeds(recommendation: Recommendation) -> None:
    said = words(recommendation, claim("noise_floor"), claim("law_skill"))
    assert "run the proposed mixture and the natural mixture with 3 seeds each" in said


def test_too_few_mixtures_come_first(recommendation: Recommendation) -> None:
    said = words(recommendation, claim("learnt"), claim("noise_floor"))
    assert "run 8 mixtures or more" in said
