"""What laws say of mixtures that they were not fitted on: each mixture, all its seeds, is left out in turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from midmix.mixer.fit.calibration import Calibrated, Fold, calibrate
from midmix.mixer.laws import DEFAULT, MENU, fit_all
from midmix.mixer.laws.law import Fitted
from midmix.mixer.laws.log_excess import FittedLogExcess
from midmix.mixer.simplex import F64, I64

MOST_LEFT_OUT_SINGLY = 24
NUM_FOLDS = 8
MIN_MIXTURES = 4  # with fewer, leaving one out leaves nothing to fit
CLEARLY_BETTER = 0.8  # share of the preferred law's error under which another one replaces it
SURELY_BETTER = 3.5  # standard errors of the paired difference that it takes as well


@dataclass(frozen=True)
class HeldOut:
    """Predictions [n] of each run by a law that saw no run of its mixture, the law's own deviations [n], and the folds."""

    predicted: F64
    sd: F64
    folds: tuple[Fold, ...]


@dataclass(frozen=True)
class MetricFit:
    """All laws on one metric: fits on all runs, held-out predictions, errors in bits per byte, the law in force."""

    fits: dict[str, Fitted]
    heldout: dict[str, HeldOut]
    mae: dict[str, float]
    chosen: str
    calibrated: Calibrated


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
    left_out = folds(groups)
    parts: dict[str, list[Fold]] = {name: [] for name in MENU}
    for out in left_out:
        stay = np.setdiff1d(np.arange(len(losses)), out)
        for name, fitted in fit_all(weights[stay], losses[stay], own=own, starts=fits).items():
            parts[name].append(Fold(out, *fitted.predict_joint(weights[out]), losses[out], groups[out]))
    heldout = {name: _gathered(tuple(found)) for name, found in parts.items()}
    errors = {name: np.abs(h.predicted - losses) for name, h in heldout.items()}
    mae = {name: float(error.mean()) for name, error in errors.items()}
    chosen = choose(errors)
    return MetricFit(fits, heldout, mae, chosen, calibrate(fits[chosen], parts[chosen], _noise(fits)))


def _gathered(found: tuple[Fold, ...]) -> HeldOut:
    """Folds back in the order of the runs."""
    order = np.argsort(np.concatenate([fold.rows for fold in found]))
    mean = np.concatenate([fold.mean for fold in found])[order]
    variance = np.concatenate([np.diag(fold.covariance) for fold in found])[order]
    return HeldOut(mean, np.sqrt(np.maximum(variance, 0.0)), found)


def _noise(fits: Mapping[str, Fitted]) -> float | None:
    """The noise of single runs as the default law sees it."""
    default = fits.get(DEFAULT)
    return default.noise_sd if isinstance(default, FittedLogExcess) else None


def choose(errors: Mapping[str, F64]) -> str:
    """The law in force by sizes of held-out errors [n] per law, in order of preference.

    A later law replaces an earlier one only where it is clearly better, and on most runs: few errors can be luck.
    """
    names = iter(errors)
    chosen = next(names)
    for name in names:
        gain = errors[chosen] - errors[name]
        standard_error = float(gain.std(ddof=1)) / np.sqrt(len(gain))
        better = errors[name].mean() < CLEARLY_BETTER * errors[chosen].mean()
        if better and gain.mean() > SURELY_BETTER * standard_error:
            chosen = name
    return chosen


def rank_correlation(predicted: F64, measured: F64) -> float | None:
    """Spearman's coefficient; None where one side is constant."""
    if np.ptp(predicted) == 0 or np.ptp(measured) == 0:
        return None
    return float(spearmanr(predicted, measured)[0])
