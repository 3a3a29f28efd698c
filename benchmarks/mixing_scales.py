"""Runs of two model sizes in one fit: 64 runs at 1M parameters and a few anchors at 60M, tested on the other 60M runs.

Beside the product's one fit: the anchors alone, the small runs as they are, and the line alone. Anchors are drawn from
the 256 mixtures that were run at both sizes, five times; none of them is among the 1M runs that are fitted on.
"""

from __future__ import annotations

import numpy as np
from mixing_data import RegMix
from scipy.stats import spearmanr

from midmix.mixer.fit.finals import Kind
from midmix.mixer.fit.scales import at_larger_scale, fit_at_scale
from midmix.mixer.fit.swarm import Anchors, Swarm
from midmix.mixer.laws import DEFAULT, LAWS
from midmix.mixer.simplex import F64, I64

SMALL, LARGE = Kind("regmix", "1M", 10**9, 10**6), Kind("regmix", "60M", 10**9, 6 * 10**7)
RUNS, NUM_ANCHORS, DRAWS = 64, (4, 8, 32), range(5)
FORMS = ("one_fit", "line", "large_only", "small_only")


def scales(data: RegMix) -> dict[str, float]:
    """Rank and error of the mean of 13 losses, mean rank and error of the 13, and coverage, per number of anchors."""
    figures: dict[str, float] = {}
    for number in NUM_ANCHORS:
        found: dict[str, list[dict[str, float]]] = {form: [] for form in FORMS}
        for draw in DRAWS:
            anchors = np.random.default_rng(100 + draw).choice(len(data.test), number, replace=False)
            for form, made in _draw(data, data.subset(draw, RUNS), anchors).items():
                found[form].append(made)
        for form, rows in found.items():
            for name in rows[0]:
                figures[f"scales_{form}_{number}_{name}"] = float(np.mean([row[name] for row in rows]))
    return figures


def two_scales(data: RegMix, runs: I64, anchors: I64) -> Swarm:
    """Runs at 1M, and anchors at 60M."""
    return Swarm(
        domains=data.sources,
        metrics=tuple(f"domain:{metric}" for metric in data.metrics),
        runs=tuple(int(run) for run in runs),
        weights=data.train[runs],
        losses=data.train_losses[runs],
        control=(False,) * len(runs),
        left_out={},
        kind=SMALL,
        anchors=Anchors(
            LARGE, tuple(10**6 + int(a) for a in anchors), data.test[anchors], data.test_losses_60m[anchors]
        ),
    )


def _draw(data: RegMix, runs: I64, anchors: I64) -> dict[str, dict[str, float]]:
    swarm = two_scales(data, runs, anchors)
    pooled = at_larger_scale(swarm, swarm.metrics)
    others = np.setdiff1d(np.arange(len(data.test)), anchors)
    weights, truth = data.test[others], data.test_losses_60m[others]
    small = _predict(swarm, weights)
    line = np.column_stack([at.at(small[:, j]) for j, at in enumerate(pooled.lines.values())])
    large = swarm.anchors
    assert large is not None
    alone = np.column_stack(
        [
            LAWS[DEFAULT].fit(large.weights, large.losses[:, j], own=data.own[j]).predict(weights)
            for j in range(len(data.metrics))
        ]
    )
    predicted, sd = _predict_with_sd(pooled, weights)
    made = {"line": line, "large_only": alone, "small_only": small, "one_fit": predicted}
    figures = {form: _figures(values, truth) for form, values in made.items()}
    figures["one_fit"]["coverage_90"] = float((np.abs(predicted - truth) <= 1.645 * sd).mean())
    return figures


def _predict(swarm: Swarm, weights: F64) -> F64:
    return np.column_stack(
        [
            LAWS[DEFAULT].fit(swarm.weights, swarm.series(m), own=swarm.own_domain(m)).predict(weights)
            for m in swarm.metrics
        ]
    )


def _predict_with_sd(swarm: Swarm, weights: F64) -> tuple[F64, F64]:
    """By the calibrated default law, of a single run's outcome."""
    fits = [fit_at_scale(swarm, metric).calibrated for metric in swarm.metrics]
    mean, sd = zip(*(fit.predict_outcome(weights) for fit in fits), strict=True)
    return np.column_stack(mean), np.column_stack(sd)


def _figures(predicted: F64, truth: F64) -> dict[str, float]:
    ranks = [spearmanr(a, b)[0] for a, b in zip(predicted.T, truth.T, strict=True)]
    return {
        "rho": float(np.mean(ranks)),
        "mae": float(np.abs(predicted - truth).mean()),
        "aggregate_rho": float(spearmanr(predicted.mean(axis=1), truth.mean(axis=1))[0]),
        "aggregate_mae": float(np.abs(predicted.mean(axis=1) - truth.mean(axis=1)).mean()),
    }
