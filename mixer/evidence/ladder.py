"""Whether sizes rank mixtures alike: each size of a ladder against the largest, with intervals.

The interval is Fisher's, with the standard error of Spearman's coefficient by Fieller, Hartley and Pearson (Biometrika
44, 1957): 1.03 / sqrt(n - 3) on the scale of atanh, here over the mean losses of the mixtures that both sizes ran.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from midmix.mixer.evidence.claim import SUPPORTED, WEAK, Claim, graded, worst
from midmix.mixer.evidence.laws import AGREEING, LEANING
from midmix.mixer.fit.calibration import Z90
from midmix.mixer.fit.heldout import rank_correlation
from midmix.mixer.fit.swarm import Anchors, Swarm
from midmix.mixer.simplex import F64, mixture_groups

FIELLER = 1.03
MIN_MIXTURES = 4
MOST_CORRELATION = 1 - 1e-9  # atanh(1) is infinite


def ladder_agreement(swarm: Swarm, metrics: Sequence[str], target_weights: F64) -> list[Claim]:
    """A claim for each smaller size on the `metrics` (t), weighted [t] as in the objective, and one over all; none where there is one size.

    The claim over all is that of the size next to the largest: a size that ranks otherwise casts doubt on the step from
    the largest proxy to the model that is to be trained, so that it is weak at best, but not on the largest proxy itself.
    """
    columns = [swarm.metrics.index(metric) for metric in metrics]
    rungs = [replace(rung, losses=rung.losses[:, columns]) for rung in swarm.rungs]
    *smaller, largest = [_scores(rung, target_weights) for rung in rungs] or [{}]
    claims = []
    for rung, scores in zip(rungs[:-1], smaller, strict=True):
        common = sorted(scores.keys() & largest.keys())
        if len(common) >= MIN_MIXTURES:
            pairs = np.array([(scores[mixture], largest[mixture]) for mixture in common])
            claims.append(_claim(rung, swarm.rungs[-1], pairs))
    if not claims:
        return []
    nearest = claims[-1]
    verdict = nearest.verdict if nearest.verdict == SUPPORTED else WEAK
    reason = "proxies of two sizes do not rank the mixtures alike, so a larger model may not either"
    return [*claims, replace(nearest, subject="overall", claim="ladder_agreement", verdict=verdict, reason=reason)]


def _scores(rung: Anchors, target_weights: F64) -> dict[tuple[float, ...], float]:
    """Weighted target loss of each mixture that was measured on every target, mean over its runs."""
    used = target_weights > 0
    whole = np.isfinite(rung.losses[:, used]).all(axis=1)
    weights, losses = rung.weights[whole], rung.losses[whole][:, used] @ target_weights[used]
    if not len(weights):
        return {}
    groups = mixture_groups(weights)
    return {
        tuple(np.rint(weights[groups == group][0] * 1e6).tolist()): float(losses[groups == group].mean())
        for group in np.unique(groups)
    }


def _claim(rung: Anchors, largest: Anchors, pairs: F64) -> Claim:
    """`pairs` [n, 2]: each mixture's loss at the smaller and at the largest size."""
    rank = rank_correlation(pairs[:, 0], pairs[:, 1]) or 0.0
    low, high = correlation_interval(rank, len(pairs))
    verdict = worst([graded(rank, AGREEING, LEANING), SUPPORTED if low > LEANING else WEAK])
    words = (
        f"{rung.kind.shape} ranks the {len(pairs)} mixtures that both ran as {largest.kind.shape} does with a correlation "
        f"of {rank:.2f} (90% interval {low:.2f} to {high:.2f}), and orders {_same_order(pairs):.0%} of their pairs alike."
    )
    return Claim(f"ladder:{rung.kind.shape}", "rank_agreement", verdict, words, rank, low, high, "rank correlation")


def correlation_interval(rank: float, count: int) -> tuple[float, float]:
    """90% interval of a rank correlation over `count` mixtures, more than 3."""
    centre = math.atanh(max(-MOST_CORRELATION, min(MOST_CORRELATION, rank)))
    half = Z90 * FIELLER / math.sqrt(count - 3)
    return math.tanh(centre - half), math.tanh(centre + half)


def _same_order(pairs: F64) -> float:
    """Share of the pairs of mixtures that both sizes order alike."""
    alike = [bool((a[0] - b[0]) * (a[1] - b[1]) > 0) for a, b in combinations(pairs, 2)]
    return float(np.mean(alike))
