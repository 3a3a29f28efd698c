"""The runs that would settle a comparison best: which mixtures, with how many seeds each.

By the joint posterior, a run at mixture x with noise s leaves the gain g a variance of V_g - c^2 / (V_x + s^2), c the
covariance of g and the loss at x, V_x its variance. What a run measures does not change that, so runs are chosen before
any is made: one after the other, each where it takes most, until a gain as large as expected would be shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from midmix.mixer.evidence.comparison import Belief
from midmix.mixer.simplex import F64

MOST_RUNS = 20


@dataclass(frozen=True)
class NextRuns:
    """Places of the mixtures to run, most telling first, and seeds of each; the difference's deviation before and after.

    `settles`: whether that is well enough.
    """

    mixtures: tuple[int, ...]
    seeds: tuple[int, ...]
    before: float
    after: float
    settles: bool


def next_runs(belief: Belief, left: int, right: int, *, noise: float, enough: float, most: int = MOST_RUNS) -> NextRuns:
    """What to run of the mixtures of `belief` [m] until the difference of `left` and `right` (places in it) is known well.

    `noise` is the standard deviation of single runs, `enough` that of the difference at which it is settled.
    """
    contrast = np.zeros(len(belief.mean))
    contrast[left], contrast[right] = 1.0, -1.0
    covariance = belief.covariance
    before = after = _sd(covariance, contrast)
    chosen: list[int] = []
    while after > enough and len(chosen) < most:
        place, covariance = _best_run(covariance, contrast, noise)
        chosen.append(place)
        after = _sd(covariance, contrast)
    mixtures = tuple(dict.fromkeys(chosen))
    seeds = tuple(chosen.count(mixture) for mixture in mixtures)
    return NextRuns(mixtures, seeds, before, after, after <= enough)


def _best_run(covariance: F64, contrast: F64, noise: float) -> tuple[int, F64]:
    """The mixture whose run takes most of the variance of the contrast, and the covariance [m, m] after it."""
    with_gain = covariance @ contrast
    variance = np.diag(covariance) + noise**2
    taken = np.divide(with_gain**2, variance, out=np.zeros_like(variance), where=variance > 0)
    place = int(np.argmax(taken))
    if taken[place] <= 0:
        return place, covariance
    return place, covariance - np.outer(covariance[place], covariance[place]) / variance[place]


def _sd(covariance: F64, contrast: F64) -> float:
    return float(np.sqrt(max(float(contrast @ covariance @ contrast), 0.0)))
