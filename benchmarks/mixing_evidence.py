"""Point 8: is evidence right when it speaks? All pairs of test mixtures, under noise that the model must find out by itself."""

from __future__ import annotations

import numpy as np
from mixing_data import SUBSETS, RegMix

from midmix.mixer.evidence.comparison import SURE, believe, sureness
from midmix.mixer.fit.calibration import Calibrated
from midmix.mixer.fit.correlation import error_correlation, heldout_errors
from midmix.mixer.fit.heldout import fit_metric
from midmix.mixer.simplex import F64, I64

NUM_RUNS = 64
LEVELS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)  # sd of the noise added to the training losses, in sds of the loss


def evidence(data: RegMix) -> dict[str, float]:
    """Share of wrong among supported comparisons, and of refused ones, at each level and pooled."""
    counts = {level: np.sum([count_pairs(data, seed, level) for seed in SUBSETS], axis=0) for level in LEVELS}
    figures = {}
    for level, (supported, wrong, total) in counts.items():
        figures[f"wrong_at_noise_{level:g}"] = wrong / max(supported, 1)
        figures[f"refused_at_noise_{level:g}"] = 1 - supported / total
    noisy = np.sum([counts[level] for level in LEVELS if level > 0], axis=0)
    return {
        "wrong_when_supported": figures["wrong_at_noise_0"],
        "wrong_when_supported_noisy": noisy[1] / max(noisy[0], 1),
        "refused": figures["refused_at_noise_0"],
        **figures,
    }


def count_pairs(data: RegMix, seed: int, level: float) -> I64:
    """[supported, wrong among them, all] pairs of test mixtures x (13 losses and their mean), of one subset."""
    chosen = data.subset(seed, NUM_RUNS)
    losses = noisy_losses(data, seed, level)[chosen]
    weights, groups = data.train[chosen], np.arange(NUM_RUNS)
    fits = [fit_metric(weights, losses[:, m], groups, own) for m, own in enumerate(data.own)]
    correlation = error_correlation(heldout_errors(fits, losses))
    laws = [fit.calibrated for fit in fits]
    num_metrics = len(data.metrics)
    combinations = [*np.eye(num_metrics), np.full(num_metrics, 1 / num_metrics)]
    return np.sum([_count(data, laws, correlation, mix) for mix in combinations], axis=0)


def noisy_losses(data: RegMix, seed: int, level: float) -> F64:
    """Training losses [512, 13] with normal noise of `level` sds of each loss."""
    rng = np.random.default_rng([seed, round(100 * level)])
    noise = rng.standard_normal(data.train_losses.shape)
    noisy: F64 = data.train_losses + level * data.train_losses.std(axis=0) * noise
    return noisy


def _count(data: RegMix, laws: list[Calibrated], correlation: F64, mix: F64) -> I64:
    belief = believe(laws, mix, correlation, data.test)
    pairs = np.triu_indices(len(data.test), 1)
    said, sd = belief.differences()[pairs], belief.difference_sd()[pairs]
    true = data.test_losses @ mix
    actual = (true[:, None] - true[None, :])[pairs]
    supported = sureness(said, sd) >= SURE
    return np.array([supported.sum(), (supported & (np.sign(said) * np.sign(actual) < 0)).sum(), len(said)])
