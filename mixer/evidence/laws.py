"""Claims about the laws: what they explain of mixtures left out, whether their intervals hold, whether scales agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from midmix.mixer.evidence.claim import NOT_SUPPORTED, SUPPORTED, WEAK, Claim, graded, worst
from midmix.mixer.evidence.skill import heldout_r2, shuffle_p_value
from midmix.mixer.fit.calibration import Z90, fit_scale
from midmix.mixer.fit.heldout import MetricFit, rank_correlation
from midmix.mixer.fit.swarm import Swarm
from midmix.mixer.laws import DEFAULT, LAWS
from midmix.mixer.simplex import F64, I64

SKILLED, HINTED = (0.005, 0.5), (0.01, 0.2)  # largest p-value and least held-out R2 of supported, of weak
AGREEING, LEANING = 0.8, 0.5  # least rank correlation between scales of supported, of weak
KNOWN_SLOPE = 2.0  # standard deviations from 0
NOMINAL = 0.9
STRAY = 2.0  # standard errors by which coverage may fall short


def skill(subject: str, weights: F64, losses: F64, predicted: F64, groups: I64) -> Claim:
    """What held-out predictions [n] explain of losses [n], against luck."""
    r2, p_value = heldout_r2(losses, predicted, groups), shuffle_p_value(weights, losses)
    rank = rank_correlation(predicted, losses)
    verdict = next(
        (v for v, (p, r) in ((SUPPORTED, SKILLED), (WEAK, HINTED)) if p_value <= p and r2 >= r), NOT_SUPPORTED
    )
    words = (
        f"Laws that did not see a mixture explain {max(r2, 0.0):.0%} of the variance of its loss (rank correlation "
        f"{'undefined' if rank is None else f'{rank:.2f}'}); a share of {p_value:.4f} of shuffled losses is explained as well."
    )
    reason = "the laws do not predict mixtures that they have not seen well enough"
    return Claim(subject, "law_skill", verdict, words, r2, unit="held-out R2", reason=reason)


def heldout_error(subject: str, losses: F64, predicted: F64, unit: str) -> Claim:
    """The mean error on mixtures left out; it is judged by `skill`."""
    errors = np.abs(predicted - losses)
    mean, low, high = float(errors.mean()), *(float(q) for q in np.quantile(errors, [0.05, 0.95]))
    words = f"Laws that did not see a mixture err by {mean:.4f} {unit} in the mean, {high:.4f} or more in one of 20."
    return Claim(subject, "heldout_error", SUPPORTED, words, mean, low, high, unit)


def coverage(fits: Sequence[MetricFit], losses: F64, groups: I64) -> Claim:
    """How many 90% intervals hold the run that was left out, over the runs and metrics of losses [n, t].

    The correction of the intervals is learnt on half of the mixtures and tried on the other half, and the other way
    round, so that it cannot vouch for itself.
    """
    half = groups % 2 == 0
    covered = [
        _covered(fit, measured, tried)
        for fit, measured in zip(fits, losses.T, strict=True)
        for tried in (half, ~half)
        if tried.any() and (~tried).any()
    ]
    share = float(np.concatenate(covered).mean())
    # Metrics of one run err together, so runs count, not runs x metrics.
    least = NOMINAL - STRAY * math.sqrt(NOMINAL * (1 - NOMINAL) / len(losses))
    words = (
        f"Intervals meant to hold 90% of runs of mixtures left out held {share:.0%}"
        f"{'' if share >= least else ': the laws are surer than they may be, so gains are less certain than they look'}."
    )
    reason = "the laws' intervals hold fewer left-out runs than they promise"
    verdict = SUPPORTED if share >= least else WEAK
    return Claim("overall", "interval_coverage", verdict, words, share, unit="share of left-out runs", reason=reason)


def _covered(fit: MetricFit, measured: F64, tried: I64) -> F64:
    """Whether each of the runs `tried` [n] lies within its interval, the interval's scale learnt on the others."""
    held = fit.heldout[fit.chosen]
    spread = max(float(measured.std()), 1e-12)
    sd = np.maximum(np.hypot(held.sd, fit.calibrated.noise_sd), 1e-3 * spread)
    level = np.clip((held.predicted - measured.mean()) / spread, -2.5, 2.5)
    errors = np.abs(measured - held.predicted)
    scale, slope = fit_scale(errors[~tried], sd[~tried], level[~tried])
    inside: F64 = errors[tried] <= Z90 * sd[tried] * scale * np.exp(slope * level[tried])
    return inside


def scale_agreement(swarm: Swarm, metrics: Sequence[str], target_weights: F64) -> list[Claim]:
    """Whether small runs rank mixtures as the larger ones do, on the weighted targets; none where there is one scale."""
    large = np.array(swarm.large or (False,) * len(swarm.runs), dtype=bool)
    if not large.any() or large.all():
        return []
    small = replace(swarm, weights=swarm.weights[~large], losses=swarm.losses[~large])
    used = [(metric, weight) for metric, weight in zip(metrics, target_weights, strict=True) if weight]
    expected = sum(weight * _expected(small, metric, swarm.weights[large]) for metric, weight in used)
    measured = sum(weight * swarm.series(metric)[large] for metric, weight in used)
    rank = rank_correlation(np.asarray(expected), np.asarray(measured)) or 0.0
    vague = [m for m, _ in used if m in swarm.lines and swarm.lines[m].slope < KNOWN_SLOPE * swarm.lines[m].slope_sd]
    verdict = worst([graded(rank, AGREEING, LEANING), WEAK if vague else SUPPORTED])
    words = f"Small runs rank the {int(large.sum())} larger runs ({swarm.scale}) with a correlation of {rank:.2f}"
    if vague:
        words += f"; how much of a difference is left at the larger scale is not known for {', '.join(vague)}"
    reason = "small and larger runs do not rank mixtures alike"
    return [Claim("overall", "scale_agreement", verdict, words + ".", rank, unit="rank correlation", reason=reason)]


def _expected(swarm: Swarm, metric: str, weights: F64) -> F64:
    law = LAWS[DEFAULT].fit(swarm.weights, swarm.series(metric), own=swarm.own_domain(metric))
    return law.predict(weights)
