"""Rows of EVIDENCE: each claim with its figure, interval, verdict and a sentence, and the verdict over all of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from midmix.mixer.evidence import ablations, laws, optimum, runs
from midmix.mixer.evidence.claim import SUPPORTED, Claim, in_words, worst
from midmix.mixer.evidence.ladder import ladder_agreement
from midmix.mixer.evidence.noise import inferred_noise, noise_of_run
from midmix.mixer.evidence.settle import settling_words
from midmix.mixer.fit.swarm import Swarm
from midmix.mixer.optimize.posterior import Interval
from midmix.mixer.optimize.problem import Evidenced, Goals
from midmix.mixer.optimize.recommend import Recommendation
from midmix.mixer.simplex import F64

COLUMNS = ("subject", "claim", "verdict", "value", "low", "high", "unit", "words")


def evidence_rows(
    recommendation: Recommendation,
    swarm: Swarm,
    goals: Goals,
    domain_targets: Collection[str],
    references: Mapping[str, F64],
    measured: Sequence[Claim] = (),
) -> list[dict[str, Any]]:
    """Rows of EVIDENCE, sorted by its key.

    `domain_targets` are targets that are domains of the training data; `references` the mixtures [k] that the optimum was
    compared with; `measured` claims that need no law.
    """
    claims = [runs.learnt(swarm), *runs.training_domains(domain_targets), *measured]
    evidence = recommendation.evidence
    if evidence is not None:
        with threadpool_limits(1):
            claims += _of_fits(evidence, recommendation)
    claims.append(_overall(claims, recommendation, references, in_words(swarm.unit)))
    rows = ({column: getattr(claim, column) for column in COLUMNS} for claim in claims)
    return sorted(rows, key=lambda row: (row["subject"], row["claim"]))


def _of_fits(evidence: Evidenced, recommendation: Recommendation) -> list[Claim]:
    swarm, goals, losses, unit = evidence.swarm, evidence.goals, evidence.losses, in_words(evidence.swarm.unit)
    combined = losses @ goals.target_weights
    return [
        runs.noise_floor(swarm, combined, inferred_noise(evidence, goals.target_weights)),
        *runs.signals(swarm, goals, losses, np.array([fit.calibrated.noise_sd for fit in evidence.fits])),
        *_skills(evidence),
        laws.coverage(evidence.fits, losses, swarm.groups),
        *laws.scale_agreement(swarm, goals.metrics, goals.target_weights),
        *ladder_agreement(swarm, goals.metrics, goals.target_weights),
        optimum.extrapolation(swarm, recommendation.weights),
        *optimum.gains(recommendation, noise_of_run(evidence, goals.target_weights), unit),
        *(optimum.retention(name, rise, unit) for name, rise in recommendation.rises.items()),
        *optimum.clash(recommendation, unit),
        *ablations.ablations(swarm, losses, _combinations(goals), unit),
    ]


def _combinations(goals: Goals) -> dict[str, F64]:
    """Weights [t] of the metrics in the objective, as `overall`, and in each target."""
    each = {name: np.array([float(m == metric) for m in goals.metrics]) for name, (metric, _) in goals.targets.items()}
    return {"overall": goals.target_weights, **each}


def _skills(evidence: Evidenced) -> list[Claim]:
    """Skill and error of the laws on all targets together, and on each."""
    combinations = {n if n == "overall" else f"target:{n}": mix for n, mix in _combinations(evidence.goals).items()}
    groups, weights = evidence.swarm.groups, evidence.swarm.weights
    claims = []
    for subject, mix in combinations.items():
        losses, predicted = evidence.losses @ mix, evidence.heldout @ mix
        claims.append(laws.skill(subject, weights, losses, predicted, groups))
        claims.append(laws.heldout_error(subject, losses, predicted, in_words(evidence.swarm.unit)))
    return claims


def _overall(claims: list[Claim], recommendation: Recommendation, references: Mapping[str, F64], unit: str) -> Claim:
    """The verdict: the worst of the claims it rests on."""
    used = [claim for claim in claims if _bears(claim, recommendation)]
    verdict = worst([claim.verdict for claim in used])
    failing = [claim for claim in used if claim.verdict == verdict]
    headline = _headline(recommendation)
    if headline is None:
        words = "Too few runs are evidence to fit a law; the weights are not an optimum."
    elif verdict == SUPPORTED:
        words = " ".join(claim.words for claim in used if claim.claim.startswith("gain_"))
    else:
        reasons = "; ".join(claim.reason for claim in failing)
        words = f"{reasons[0].upper()}{reasons[1:]}."
    if verdict != SUPPORTED:
        words += " " + settling_words(failing, recommendation, headline, references)
    if headline is None:
        return Claim("overall", "verdict", verdict, words)
    gain: Interval = recommendation.gains[headline, "overall"]
    return Claim("overall", "verdict", verdict, words, gain.value, gain.low, gain.high, unit)


def _headline(recommendation: Recommendation) -> str | None:
    """Whose gain the verdict gives: over natural, or the baseline or replay where that could not be chosen."""
    names = [name for name in ("natural", "baseline", "replay") if (name, "overall") in recommendation.gains]
    if not names:
        return None
    return next((name for name in names if name not in recommendation.faults), names[0])


def _bears(claim: Claim, recommendation: Recommendation) -> bool:
    """Whether the overall verdict rests on a claim: of the gains, on those over mixtures that could be chosen instead."""
    if claim.claim.startswith("gain_over_"):
        return claim.subject == "overall" and claim.claim.removeprefix("gain_over_") not in recommendation.faults
    if claim.claim == "gain_of_optimum":
        named = {reference for reference, _ in recommendation.gains} & {"natural", "baseline"}
        return claim.subject == "mixture:replay" and named <= recommendation.faults.keys()
    return claim.claim == "retention_rise" or claim.subject == "overall"
