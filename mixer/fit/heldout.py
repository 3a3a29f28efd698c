"""What laws say of mixtures that they were not fitted on: each mixture, all its seeds, is left out in turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from midmix.mixer.laws import LAWS, fit_all
from midmix.mixer.laws.law import Fitted
from midmix.mixer.simplex import F64, I64

MOST_LEFT_OUT_SINGLY = 24
NUM_FOLDS = 8
MIN_MIXTURES = 4  # with fewer, leaving one out leaves nothing to fit
CLEARLY_BETTER = 0.9  # share of the preferred law's error under which another one replaces it


@dataclass(frozen=True)
class HeldOut:
    """Predictions [n] of each run by a law that saw no run of its mixture, and the law's own deviations [n]."""

    predicted: F64
    sd: F64


@dataclass(frozen=True)
class MetricFit:
    """All laws on one metric: fits on all runs, held-out predictions, errors in bits per byte, the law in force."""

    fits: dict[str, Fitted]
    heldout: dict[str, HeldOut]
    mae: dict[str, float]
    chosen: str


def folds(groups: I64) -> list[I64]:
    """Runs to leave out together: one mixture each up to 24 mixtures, else eight folds of whole mixtures."""
    names = np.unique(groups)
    if len(names) <= MOST_LEFT_OUT_SINGLY:
        return [np.flatnonzero(groups == name) for name in names]
    fold_of = np.random.default_rng(0).permutation(len(names)) % NUM_FOLDS
    return [np.flatnonzero(np.isin(groups, names[fold_of == fold])) for fold in range(NUM_FOLDS)]


def fit_metric(weights: F64, losses: F64, groups: I64, own: int | None) -> MetricFit:
    """Every law on the losses [n] of one metric, with its held-out error over the mixtures in `groups` [n]."""
    fits = fit_all(weights, losses, own=own)
    heldout = {name: HeldOut(np.empty(len(losses)), np.empty(len(losses))) for name in LAWS}
    for left_out in folds(groups):
        stay = np.setdiff1d(np.arange(len(losses)), left_out)
        for name, fitted in fit_all(weights[stay], losses[stay], own=own, starts=fits).items():
            heldout[name].predicted[left_out], heldout[name].sd[left_out] = fitted.predict_with_sd(weights[left_out])
    mae = {name: float(np.abs(h.predicted - losses).mean()) for name, h in heldout.items()}
    return MetricFit(fits, heldout, mae, choose(mae))


def choose(mae: dict[str, float]) -> str:
    """The first law in order whose held-out error is within a tenth of the least one."""
    least = min(mae.values())
    return next(name for name in mae if mae[name] * CLEARLY_BETTER <= least)


def rank_correlation(predicted: F64, measured: F64) -> float | None:
    """Spearman's coefficient; None where one side is constant."""
    if np.ptp(predicted) == 0 or np.ptp(measured) == 0:
        return None
    return float(spearmanr(predicted, measured)[0])
