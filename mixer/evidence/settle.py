"""In words: the runs that would settle what is weak or not supported."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np
from threadpoolctl import threadpool_limits

from midmix.mixer.evidence.claim import Claim
from midmix.mixer.evidence.comparison import SURE_SDS, Belief, believe
from midmix.mixer.evidence.next_run import MOST_RUNS, NextRuns, next_runs
from midmix.mixer.evidence.noise import noise_of_run
from midmix.mixer.evidence.runs import MIN_MIXTURES
from midmix.mixer.optimize.posterior import Z90
from midmix.mixer.optimize.problem import ONE_SIDED_95, Evidenced
from midmix.mixer.optimize.recommend import Recommendation, Rise
from midmix.mixer.simplex import F64, I64

GAINS = {"gain_over_natural", "gain_over_baseline", "gain_of_optimum"}
LEAST_SEEDS, UNKNOWN_NOISE_SEEDS = 2, 3  # of each of two mixtures: to see any spread, and to measure it
SHOWN_SHARE = 0.005  # of a mixture: smaller shares are not spelled out
MOST_BETWEEN = 64  # mixtures of the swarm that are candidates for a further run


def settling_words(
    failing: Collection[Claim], recommendation: Recommendation, headline: str | None, references: Mapping[str, F64]
) -> str:
    """One sentence: mixtures, seeds and scale of the runs that would settle the `failing` claims best.

    `headline` names the reference whose gain is in question, of `references` (weights [k] by name).
    """
    names = {claim.claim for claim in failing}
    evidence = recommendation.evidence
    if "learnt" in names or evidence is None or headline is None:
        return f"To settle it: run {MIN_MIXTURES} mixtures or more that learn."
    if "bounds_clash" in names:
        return "To settle it: run the proposed mixture and the control with 3 seeds each, at twice the tokens."
    with threadpool_limits(1):
        bound = next((claim for claim in failing if claim.claim == "retention_rise"), None)
        if bound is not None:
            name, control = bound.subject.removeprefix("retain:"), _control(evidence, references)
            return _settle_bound(name, recommendation.rises[name], recommendation.weights, evidence, control)
        if names - GAINS:
            least = UNKNOWN_NOISE_SEEDS if "noise_floor" in names else LEAST_SEEDS
            return _compare_directly(recommendation.gains[headline, "overall"].value, evidence, headline, least)
        return _settle_gain(recommendation, evidence, headline, references[headline])


def direct_seeds(gain: float, noise: float, least: int = LEAST_SEEDS) -> int:
    """Seeds of each of two mixtures that show a gain by their runs alone, `least` or more; the noise is that of one run."""
    return max(least, math.ceil(2 * (SURE_SDS * noise / gain) ** 2)) if gain else MOST_RUNS + 1


def _compare_directly(gain: float, evidence: Evidenced, headline: str, least: int) -> str:
    """What is in doubt is the laws or the noise, so no law is asked."""
    seeds = direct_seeds(gain, noise_of_run(evidence, evidence.goals.target_weights), least)
    mixtures = f"the proposed mixture and {_named(headline)}"
    if seeds > MOST_RUNS:
        needed = f"{seeds} seeds each" if gain else "endless seeds"
        return (
            f"To settle it: run {mixtures} with {MOST_RUNS} seeds each at twice the tokens or more, or take them for equal: "
            f"for a difference of {abs(gain):.4f} {_where(evidence)} {needed} would be needed."
        )
    return (
        f"To settle it: run {mixtures} with {seeds} seeds each {_where(evidence)}: that shows a difference of {abs(gain):.4f} "
        "whatever the laws say."
    )


def _settle_gain(recommendation: Recommendation, evidence: Evidenced, headline: str, reference: F64) -> str:
    mixtures = np.vstack([recommendation.weights, reference, 0.5 * (recommendation.weights + reference)])
    combination = evidence.goals.target_weights
    belief = _belief(evidence, combination, _as_seen(evidence, mixtures))
    gain = abs(float(belief.mean[1] - belief.mean[0]))
    found = next_runs(belief, 0, 1, noise=noise_of_run(evidence, combination), enough=gain / SURE_SDS)
    names = {0: "the proposed mixture", 1: _named(headline)}
    return _sentence(found, names, mixtures, evidence, f"a difference of {gain:.4f}")


def _settle_bound(name: str, rise: Rise, optimum: F64, evidence: Evidenced, control: F64) -> str:
    """`control` [k] is the control as the laws see it."""
    room = rise.max_rise - rise.value
    if room <= 0:
        return f"To settle it: run the proposed mixture and the control with 3 seeds each {_where(evidence)}."
    metric, _ = evidence.goals.retain[name]
    combination = np.array([float(m == metric) for m in evidence.goals.metrics])
    seen = np.vstack([_as_seen(evidence, optimum[None]), control])
    belief = _belief(evidence, combination, seen)
    found = next_runs(belief, 0, 1, noise=noise_of_run(evidence, combination), enough=room / ONE_SIDED_95)
    names = {0: "the proposed mixture", 1: "the control"}
    return _sentence(found, names, np.vstack([optimum, control]), evidence, f"a rise within {rise.max_rise:g}")


def _control(evidence: Evidenced, references: Mapping[str, F64]) -> F64:
    """The control as the laws see it: the mixture of the runs on replay alone, or the replay named in the config."""
    swarm = evidence.swarm
    return _runs(evidence)[np.argmax(swarm.control)] if any(swarm.control) else references["replay"]


def _runs(evidence: Evidenced) -> F64:
    """Weights [n, k] of the runs as the laws see them."""
    return evidence.swarm.weights if evidence.repetition is None else evidence.repetition.of_runs(evidence.swarm)


def _as_seen(evidence: Evidenced, weights: F64) -> F64:
    """Mixtures [m, k] of the training asked about as the laws see them."""
    return weights if evidence.repetition is None else evidence.repetition.fresh(weights)


def _tried(evidence: Evidenced) -> I64:
    """One run of each of the swarm's first mixtures."""
    first: I64 = np.unique(evidence.swarm.groups, return_index=True)[1][:MOST_BETWEEN]
    return first


def _belief(evidence: Evidenced, combination: F64, seen: F64) -> Belief:
    """About mixtures `seen` [m, k], and those of the swarm after them, which a further run may repeat."""
    predictor = evidence.predictor()
    every = np.vstack([seen, _runs(evidence)[_tried(evidence)]])
    return believe(predictor.fits, combination, predictor.correlation, every)


def _where(evidence: Evidenced) -> str:
    swarm = evidence.swarm
    return f"at the scale of these runs ({swarm.scale})" if swarm.kind else "at the scale of these runs"


def _sentence(found: NextRuns, names: Mapping[int, str], mixtures: F64, evidence: Evidenced, shown: str) -> str:
    """What to run, and what that would do to the interval; `mixtures` [m, k] are those compared, by their shares."""
    domains, every = evidence.swarm.domains, np.vstack([mixtures, evidence.swarm.weights[_tried(evidence)]])
    if not found.mixtures:
        return f"To settle it: run {names[0]} with 2 seeds {_where(evidence)}."
    runs = [
        f"{names.get(place) or _spelled(every[place], domains)} with {seeds} seed{'s' * (seeds > 1)}"
        for place, seeds in zip(found.mixtures, found.seeds, strict=True)
    ]
    listed = runs[0] if len(runs) == 1 else ", ".join(runs[:-1]) + " and " + runs[-1]
    ends = f"from ±{Z90 * found.before:.4f} to ±{Z90 * found.after:.4f}"
    words = f"To settle it: run {listed} {_where(evidence)}: the 90% interval shrinks {ends}"
    if found.settles:
        return f"{words}, which shows {shown}."
    return f"{words}. That is not enough for {shown}: {MOST_RUNS} such runs would not settle it; compare the two at twice the tokens."


def _named(reference: str) -> str:
    return "the baseline" if reference == "baseline" else f"the {reference} mixture"


def _spelled(weights: F64, domains: tuple[str, ...]) -> str:
    """A mixture by its larger shares."""
    order = [j for j in np.argsort(-weights, kind="stable") if weights[j] >= SHOWN_SHARE]
    return "the mixture " + ", ".join(f"{domains[j]} {weights[j]:.2f}" for j in order)
