"""Claims about the recommended mixture: what it gains, which bounds it keeps, how far it lies from all runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from midmix.mixer.evidence.claim import NOT_SUPPORTED, SUPPORTED, WEAK, Claim, graded
from midmix.mixer.evidence.comparison import verdict_of
from midmix.mixer.fit.swarm import Swarm
from midmix.mixer.optimize.posterior import Z90, Interval
from midmix.mixer.optimize.recommend import Recommendation, Rise
from midmix.mixer.simplex import F64, hellinger

NEAR, FAR = (
    1.5,
    2.5,
)  # most spacings from the nearest run, of supported, of weak; beyond, intervals lean on the law's form


@dataclass(frozen=True)
class Setting:
    """What all claims of gain share: the noise of one run on all targets together, the unit, and references that are no alternatives."""

    noise: float
    unit: str
    faults: Mapping[str, str]


def gains(recommendation: Recommendation, noise: float, unit: str) -> list[Claim]:
    """Gains over the natural mixture and the baseline on every target, over the other references on all together."""
    setting = Setting(noise, unit, recommendation.faults)
    claims = []
    for (reference, target), gain in recommendation.gains.items():
        if reference in ("natural", "baseline"):
            subject = target if target == "overall" else f"target:{target}"
            claims.append(_gain(subject, f"gain_over_{reference}", reference, gain, setting))
        elif target == "overall":
            claims.append(_gain(f"mixture:{reference}", "gain_of_optimum", reference, gain, setting))
    return claims


def gain_sd(gain: Interval) -> float:
    """Standard deviation behind a 90% interval."""
    return (gain.high - gain.low) / (2 * Z90)


def _gain(subject: str, claim: str, reference: str, gain: Interval, setting: Setting) -> Claim:
    noise, unit = setting.noise, setting.unit
    verdict = _gain_verdict(gain, noise)
    words = (
        f"The optimum is expected to {'gain' if gain.value >= 0 else 'lose'} {abs(gain.value):.4f} {unit} "
        f"{'over' if gain.value >= 0 else 'against'} the {reference} mixture "
        f"(90% interval of the gain {gain.low:.4f} to {gain.high:.4f})"
    )
    if verdict != SUPPORTED and 0 < gain.value <= noise:
        words += f", less than the noise between seeds, {noise:.4f}"
    if reference in setting.faults:
        words += f"; the {reference} mixture {setting.faults[reference]}, so it is no alternative"
    over = {"natural": "the natural mixture", "baseline": "the baseline"}.get(reference, f"{reference} alone")
    reason = f"the gain over {over} is not clear of 0 and of the noise between seeds"
    return Claim(subject, claim, verdict, words + ".", gain.value, gain.low, gain.high, unit, reason)


def _gain_verdict(gain: Interval, noise: float) -> str:
    """By the 95% interval; a gain below the noise between seeds is weak at best, since one training would not show it."""
    if gain.value <= 0:
        return NOT_SUPPORTED
    verdict = verdict_of(gain.value, gain_sd(gain))
    return WEAK if verdict == SUPPORTED and gain.value <= noise else verdict


def retention(name: str, rise: Rise, unit: str) -> Claim:
    """Whether the bound on one retained set is kept."""
    verdict = SUPPORTED if rise.excess <= 0 else WEAK if rise.value <= rise.max_rise else NOT_SUPPORTED
    kept = "is kept with 95% confidence" if rise.excess <= 0 else f"is passed by {rise.excess:.4f} at 95% confidence"
    words = (
        f"The loss on {name} is expected to {'rise' if rise.value >= 0 else 'fall'} by {abs(rise.value):.4f} {unit} against "
        f"training on replay alone "
        f"(standard deviation {rise.sd:.4f}); the bound of {rise.max_rise:g} {kept}."
    )
    half = Z90 * rise.sd
    reason = f"the bound on {name} is not kept with confidence"
    low, high = rise.value - half, rise.value + half
    return Claim(f"retain:{name}", "retention_rise", verdict, words, rise.value, low, high, unit, reason)


def clash(recommendation: Recommendation, unit: str) -> list[Claim]:
    """The bounds that no mixture keeps together; none where all are kept."""
    found = recommendation.clash
    if found is None:
        return []
    total = sum(found.bounds.values())
    reason = "no mixture keeps every bound"
    return [Claim("overall", "bounds_clash", NOT_SUPPORTED, found.words, total, unit=unit, reason=reason)]


def extrapolation(swarm: Swarm, optimum: F64) -> Claim:
    """How far the optimum [k] lies from the nearest run, against the usual distance between neighbouring runs."""
    mixtures = swarm.weights[np.unique(swarm.groups, return_index=True)[1]]
    between = hellinger(mixtures, mixtures)
    np.fill_diagonal(between, np.inf)
    spacing = float(np.median(between.min(axis=1)))
    distance = float(hellinger(optimum[None], mixtures).min())
    ratio = distance / spacing
    words = (
        f"The optimum lies {distance:.3f} (Hellinger distance) from the nearest mixture that was run; neighbouring runs lie "
        f"{spacing:.3f} apart"
    )
    if ratio > NEAR:
        words += ", so the laws are asked beyond what they have seen"
    reason = "the optimum lies far from every mixture that was run"
    verdict = graded(-ratio, -NEAR, -FAR)
    return Claim("overall", "extrapolation", verdict, words + ".", ratio, unit="spacings of the design", reason=reason)
