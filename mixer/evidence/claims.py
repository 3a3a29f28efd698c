"""Rows of EVIDENCE: each claim with its figure, interval, verdict and a sentence."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from midmix.mixer.evidence.skill import heldout_r2, shuffle_p_value
from midmix.mixer.fit.heldout import rank_correlation
from midmix.mixer.fit.swarm import Swarm, noise_sd
from midmix.mixer.optimize.bootstrap import Interval
from midmix.mixer.optimize.problem import Evidenced, Goals
from midmix.mixer.optimize.recommend import Recommendation, Rise
from midmix.mixer.simplex import F64, I64

SUPPORTED, WEAK, NOT_SUPPORTED = "supported", "weak", "not supported"
ORDER = (SUPPORTED, WEAK, NOT_SUPPORTED)
BITS = "bits per byte"
MIN_MIXTURES = 8  # fewer cannot tell a law from luck
LOUD, AUDIBLE = 3.0, 2.0  # least spread of mixtures against the noise between seeds, of supported, of weak
SKILLED, HINTED = (0.005, 0.5), (0.01, 0.2)  # largest p-value and least held-out R2 of supported, of weak
MOST_SEEDS = 20


@dataclass(frozen=True)
class Claim:
    """One row of EVIDENCE."""

    subject: str
    claim: str
    verdict: str
    words: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str | None = None


def worst(verdicts: Collection[str]) -> str:
    """The least favourable of several verdicts."""
    return max(verdicts, key=ORDER.index)


def evidence_rows(
    recommendation: Recommendation, swarm: Swarm, goals: Goals, domain_targets: Collection[str]
) -> list[dict[str, Any]]:
    """Rows of EVIDENCE, sorted by its key. `domain_targets` are targets that are domains of the training data."""
    claims = [_learnt(swarm), *_warnings(domain_targets)]
    evidence = recommendation.evidence
    if evidence is not None:
        with threadpool_limits(1):
            losses = evidence.losses @ goals.target_weights
            skills = _skills(evidence)
        noise = noise_sd(losses, swarm.groups)
        claims += [_noise_floor(noise, float(losses.std())), *skills, *_gains(recommendation, noise)]
        claims += [_retention(name, rise) for name, rise in recommendation.rises.items()]
        if not recommendation.feasible:
            claims.append(_clash(recommendation))
    claims.append(_overall(claims, recommendation))
    return sorted((asdict(claim) for claim in claims), key=lambda row: (row["subject"], row["claim"]))


def _learnt(swarm: Swarm) -> Claim:
    total = len(swarm.runs) + len(swarm.left_out)
    words = f"{len(swarm.runs)} of {total} runs, of {swarm.num_mixtures} mixtures, are evidence"
    if swarm.left_out:
        words += "; left out: " + ", ".join(f"run {run} ({why})" for run, why in sorted(swarm.left_out.items()))
    enough = swarm.num_mixtures >= MIN_MIXTURES
    if not enough:
        words += f"; {MIN_MIXTURES} mixtures or more are needed"
    return Claim(
        "overall", "learnt", SUPPORTED if enough else NOT_SUPPORTED, words + ".", float(len(swarm.runs)), unit="runs"
    )


def _warnings(domain_targets: Collection[str]) -> list[Claim]:
    return [
        Claim(
            f"target:{name}",
            "training_domain",
            WEAK,
            f"Warning: target {name} is a domain of the training data. More of a domain lowers its own loss, so the gain "
            "says little of what the model can do elsewhere; name an evaluation set instead.",
        )
        for name in sorted(domain_targets)
    ]


def _noise_floor(noise: float | None, spread: float) -> Claim:
    if noise is None:
        words = "No mixture was run with two seeds, so a difference cannot be told from noise: set proxy.seeds to 2 or more."
        return Claim("overall", "noise_floor", NOT_SUPPORTED, words)
    ratio = spread / noise if noise > 0 else math.inf
    verdict = SUPPORTED if ratio >= LOUD else WEAK if ratio >= AUDIBLE else NOT_SUPPORTED
    words = (
        f"Runs of one mixture that differ in seed alone differ by {noise:.4f} bits per byte (standard deviation); "
        f"all runs differ by {spread:.4f}, {ratio:.1f} times as much."
    )
    return Claim("overall", "noise_floor", verdict, words, noise, unit=BITS)


def _skills(evidence: Evidenced) -> list[Claim]:
    combinations = {"overall": evidence.goals.target_weights}
    for name, (metric, _) in evidence.goals.targets.items():
        combinations[f"target:{name}"] = np.array([float(m == metric) for m in evidence.goals.metrics])
    groups, weights = evidence.swarm.groups, evidence.swarm.weights
    return [
        _skill(subject, weights, evidence.losses @ mix, evidence.heldout @ mix, groups)
        for subject, mix in combinations.items()
    ]


def _skill(subject: str, weights: F64, losses: F64, predicted: F64, groups: I64) -> Claim:
    r2, p_value = heldout_r2(losses, predicted, groups), shuffle_p_value(weights, losses)
    rank = rank_correlation(predicted, losses)
    verdict = next(
        (v for v, (p, r) in ((SUPPORTED, SKILLED), (WEAK, HINTED)) if p_value <= p and r2 >= r), NOT_SUPPORTED
    )
    words = (
        f"Laws that did not see a mixture explain {max(r2, 0.0):.0%} of the variance of its loss (rank correlation "
        f"{'undefined' if rank is None else f'{rank:.2f}'}); a share of {p_value:.4f} of shuffled losses is explained as well."
    )
    return Claim(subject, "law_skill", verdict, words, r2, unit="held-out R2")


def _gains(recommendation: Recommendation, noise: float | None) -> list[Claim]:
    claims = []
    for (reference, target), gain in recommendation.gains.items():
        if reference in ("natural", "baseline"):
            subject = target if target == "overall" else f"target:{target}"
            claims.append(_gain(subject, f"gain_over_{reference}", reference, gain, noise, recommendation.faults))
        elif target == "overall":
            claims.append(
                _gain(f"mixture:{reference}", "gain_of_optimum", reference, gain, noise, recommendation.faults)
            )
    return claims


def _gain(
    subject: str, claim: str, reference: str, gain: Interval, noise: float | None, faults: Mapping[str, str]
) -> Claim:
    clear = gain.low > 0 and gain.value > (noise or 0.0)
    verdict = SUPPORTED if clear else WEAK if gain.value > 0 else NOT_SUPPORTED
    words = (
        f"The optimum is expected to {'gain' if gain.value >= 0 else 'lose'} {abs(gain.value):.4f} bits per byte "
        f"{'over' if gain.value >= 0 else 'against'} the {reference} mixture "
        f"(90% interval of the gain {gain.low:.4f} to {gain.high:.4f})"
    )
    if noise is not None and not clear and 0 < gain.value <= noise:
        words += f", less than the noise between seeds, {noise:.4f}"
    if reference in faults:
        words += f"; the {reference} mixture {faults[reference]}, so it is no alternative"
    return Claim(subject, claim, verdict, words + ".", gain.value, gain.low, gain.high, BITS)


def _retention(name: str, rise: Rise) -> Claim:
    verdict = SUPPORTED if rise.excess <= 0 else WEAK if rise.value <= rise.max_rise else NOT_SUPPORTED
    kept = "is kept with 90% confidence" if rise.excess <= 0 else f"is passed by {rise.excess:.4f} at 90% confidence"
    words = (
        f"The loss on {name} is expected to rise by {rise.value:.4f} bits per byte against training on replay alone "
        f"(standard deviation {rise.sd:.4f}); the bound of {rise.max_rise:g} {kept}."
    )
    half = 1.645 * rise.sd
    return Claim(
        f"retain:{name}", "retention_rise", verdict, words, rise.value, rise.value - half, rise.value + half, BITS
    )


def _clash(recommendation: Recommendation) -> Claim:
    broken = {name: rise.excess for name, rise in recommendation.rises.items() if rise.excess > 0}
    parts = ", ".join(f"{name} by {excess:.4f}" for name, excess in sorted(broken.items()))
    words = (
        f"No mixture within the caps keeps every bound; the one that breaks them least is given: it passes {parts} bits per "
        "byte. Raise max_rise by that much, raise the caps of replay domains (max_epochs), or repeat the control to narrow the margin."
    )
    return Claim("overall", "bounds_clash", NOT_SUPPORTED, words, sum(broken.values()), unit=BITS)


def _overall(claims: list[Claim], recommendation: Recommendation) -> Claim:
    """The verdict: the worst of the claims it rests on."""
    used = [claim for claim in claims if _bears(claim, recommendation)]
    verdict = worst([claim.verdict for claim in used])
    gain = _headline(recommendation)
    if gain is None:
        words = "Too few runs are evidence to fit a law; the weights are not an optimum."
    elif verdict == SUPPORTED:
        words = " ".join(claim.words for claim in used if claim.claim.startswith("gain_"))
    else:
        reasons = "; ".join(_reason(claim) for claim in used if claim.verdict == verdict)
        words = f"{reasons[0].upper()}{reasons[1:]}."
    if verdict != SUPPORTED:
        words += " " + _settling_run(used, gain)
    if gain is None:
        return Claim("overall", "verdict", verdict, words)
    return Claim("overall", "verdict", verdict, words, gain.value, gain.low, gain.high, BITS)


def _headline(recommendation: Recommendation) -> Interval | None:
    """The gain over the natural mixture; over the baseline or replay where that could not be chosen."""
    names = [name for name in ("natural", "baseline", "replay") if (name, "overall") in recommendation.gains]
    if not names:
        return None
    name = next((name for name in names if name not in recommendation.faults), names[0])
    return recommendation.gains[name, "overall"]


def _bears(claim: Claim, recommendation: Recommendation) -> bool:
    """Whether the overall verdict rests on a claim: of the gains, on those over mixtures that could be chosen instead."""
    if claim.claim.startswith("gain_over_"):
        return claim.subject == "overall" and claim.claim.removeprefix("gain_over_") not in recommendation.faults
    if claim.claim == "gain_of_optimum":
        named = {reference for reference, _ in recommendation.gains} & {"natural", "baseline"}
        return claim.subject == "mixture:replay" and named <= recommendation.faults.keys()
    return claim.claim == "retention_rise" or (claim.subject == "overall" and claim.claim != "verdict")


def _reason(claim: Claim) -> str:
    reasons = {
        "learnt": "too few mixtures were run",
        "noise_floor": "no mixture was run twice, so the noise is unknown"
        if claim.value is None
        else "mixtures differ little more than seeds do",
        "law_skill": "the laws do not predict mixtures that they have not seen well enough",
        "gain_over_natural": "the gain over the natural mixture is not clear of 0 and of the noise between seeds",
        "gain_over_baseline": "the gain over the baseline is not clear of 0 and of the noise between seeds",
        "gain_of_optimum": "the gain over replay alone is not clear of 0 and of the noise between seeds",
        "bounds_clash": "no mixture keeps every bound",
        "retention_rise": f"the bound on {claim.subject.removeprefix('retain:')} is not kept with confidence",
    }
    return reasons[claim.claim]


def _settling_run(used: list[Claim], gain: Interval | None) -> str:
    """The run that would tell: how many seeds of the proposed and the natural mixture, or how many more mixtures."""
    by_claim = {claim.claim: claim for claim in used}
    if by_claim["learnt"].verdict == NOT_SUPPORTED:
        return f"To settle it: run {MIN_MIXTURES} mixtures or more that learn (proxy.runs, proxy.tokens)."
    noise = by_claim["noise_floor"].value if "noise_floor" in by_claim else None
    if noise is None:
        return "To settle it: run the natural mixture and the control again under other seeds (proxy.seeds: 3)."
    if "bounds_clash" in by_claim:
        return "To settle it: run the proposed mixture and the control with 3 seeds each, at twice the proxy tokens."
    seeds = 3
    if gain and gain.value > 0:
        seeds = min(max(math.ceil(2 * (2 * noise / gain.value) ** 2), 2), MOST_SEEDS)
    return f"To settle it: run the proposed and the natural mixture with {seeds} seeds each, at twice the proxy tokens."
