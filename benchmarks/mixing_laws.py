"""Points 1-4 and the seconds of a fit: how well laws rank mixtures that they did not see, and whether intervals hold.

`cc` is the rank correlation on Pile-CC's loss, `mean13` its mean over the 13 losses; `half` and `quarter` how often the
better of two is named among the best half or quarter of the test mixtures, `top1` what the first choice loses against
the best one in sds of the loss, both means over the 13. Nothing is chosen by the test runs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from mixing_data import NUM_TRAIN, SUBSETS, RegMix
from scipy.stats import spearmanr

from midmix.mixer.design.space_filling import k_center
from midmix.mixer.fit.heldout import MetricFit, fit_metric
from midmix.mixer.laws import DEFAULT, LAWS
from midmix.mixer.simplex import F64, I64

Z90 = 1.6448536269514722


def predictions(data: RegMix, law: str, runs: I64, at: F64) -> F64:
    """What a law fitted on `runs` says of each loss of mixtures `at` [m, k]: [m, 13]."""
    columns = []
    for metric, own in enumerate(data.own):
        fitted = LAWS[law].fit(data.train[runs], data.train_losses[runs, metric], own=own)
        columns.append(fitted.predict(at))
    return np.stack(columns, axis=1)


def skill(data: RegMix, predicted: F64, truth: F64) -> dict[str, float]:
    """`cc`, `mean13`, `half`, `quarter` and `top1` of predictions [m, 13] against measured losses [m, 13]."""
    correlations = [_correlation(p, y) for p, y in zip(predicted.T, truth.T, strict=True)]
    columns = list(zip(predicted.T, truth.T, strict=True))
    return {
        "cc": correlations[data.metrics.index("pile_cc")],
        "mean13": float(np.mean(correlations)),
        "half": float(np.mean([_named(p, y, 0.5) for p, y in columns])),
        "quarter": float(np.mean([_named(p, y, 0.25) for p, y in columns])),
        "top1": float(np.mean([(y[np.argmin(p)] - y.min()) / y.std() for p, y in columns])),
    }


def _correlation(predicted: F64, truth: F64) -> float:
    """Spearman's; 0 for a constant prediction."""
    return float(spearmanr(predicted, truth)[0]) if np.ptp(predicted) > 0 else 0.0


def _named(predicted: F64, truth: F64, share: float) -> float:
    """How often the better of two is named among the best `share` of the mixtures."""
    best = np.argsort(truth, kind="stable")[: int(len(truth) * share)]
    left, right = np.triu_indices(len(best), 1)
    measured = np.sign(truth[best][left] - truth[best][right])
    named = np.sign(predicted[best][left] - predicted[best][right])
    return float((measured == named)[measured != 0].mean())


def mean_skill(data: RegMix, law: str, subsets: Sequence[I64], truth: F64) -> dict[str, float]:
    """Means over several sets of training runs."""
    found = [skill(data, predictions(data, law, runs, data.test), truth) for runs in subsets]
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def random_subsets(data: RegMix, size: int) -> list[I64]:
    """Five random sets of training runs."""
    return [data.subset(seed, size) for seed in SUBSETS]


def designed_subsets(data: RegMix, size: int) -> list[I64]:
    """Five space-filling sets out of the 512, each from a first run of its own."""
    sets = []
    for seed in SUBSETS:
        first = int(np.random.default_rng(seed).integers(NUM_TRAIN))
        others = k_center(data.train, data.train[[first]], size - 1)
        sets.append(np.r_[first, others].astype(np.int64))
    return sets


def named(prefix: str, found: dict[str, float]) -> dict[str, float]:
    """Figures under their prefix."""
    return {f"{prefix}_{name}": value for name, value in found.items()}


def peers(data: RegMix) -> dict[str, float]:
    """Point 1: RegMix's trees on all runs, Olmix's law on 64."""
    everything = [np.arange(NUM_TRAIN)]
    figures = named("lightgbm_512", mean_skill(data, "lightgbm", everything, data.test_losses))
    return figures | named("olmix_64", mean_skill(data, "log_linear", random_subsets(data, 64), data.test_losses))


def all_runs(data: RegMix) -> dict[str, float]:
    """Point 2: the default on all runs, at 1M and for the same mixtures at 60M."""
    predicted = predictions(data, DEFAULT, np.arange(NUM_TRAIN), data.test)
    figures = named("default_512", skill(data, predicted, data.test_losses))
    larger = skill(data, predicted, data.test_losses_60m)
    return figures | {f"default_512_{name}_60m": value for name, value in larger.items()}


def few_runs(data: RegMix) -> dict[str, float]:
    """Point 3: the default on few runs, random and designed."""
    figures: dict[str, float] = {}
    for size in (64, 32):
        figures |= named(f"default_{size}", mean_skill(data, DEFAULT, random_subsets(data, size), data.test_losses))
    for size in (24, 32):
        figures |= named(f"designed_{size}", mean_skill(data, DEFAULT, designed_subsets(data, size), data.test_losses))
    return figures


def fits(data: RegMix, runs: I64) -> list[MetricFit]:
    """Full fits of the 13 losses on some runs, as the product makes them."""
    return [
        fit_metric(data.train[runs], data.train_losses[runs, metric], np.arange(len(runs)), own)
        for metric, own in enumerate(data.own)
    ]


def intervals(data: RegMix) -> dict[str, float]:
    """Point 4: how often nominal 90% intervals from 64 runs hold the measured loss: of all, the better and worse half."""
    held: dict[str, list[float]] = {"coverage_90": [], "coverage_90_better": [], "coverage_90_worse": []}
    for runs in random_subsets(data, 64):
        for metric, fit in enumerate(fits(data, runs)):
            truth = data.test_losses[:, metric]
            mean, sd = fit.calibrated.predict_outcome(data.test)
            inside = np.abs(mean - truth) <= Z90 * sd
            better = np.argsort(np.argsort(truth, kind="stable")) < len(truth) // 2
            for name, which in (("", better | ~better), ("_better", better), ("_worse", ~better)):
                held[f"coverage_90{name}"].append(float(inside[which].mean()))
    return {name: float(np.mean(values)) for name, values in held.items()}


def seconds(data: RegMix) -> dict[str, float]:
    """Point 9: processor seconds of 13 losses on 64 runs, all laws and the calibration included."""
    runs = data.subset(0, 64)
    start = time.process_time()
    fits(data, runs)
    return {"fit_seconds_64": time.process_time() - start}
