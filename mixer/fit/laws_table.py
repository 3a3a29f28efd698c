"""Swarm -> rows of LAWS and PREDICTIONS."""

from __future__ import annotations

from typing import Any

from threadpoolctl import threadpool_limits

from midmix.mixer.fit.heldout import MIN_MIXTURES, fit_metric, rank_correlation
from midmix.mixer.fit.swarm import Swarm, noise_sd

Row = dict[str, Any]


def fit_laws(swarm: Swarm) -> tuple[list[Row], list[Row]]:
    """Rows of LAWS (per metric and law) and of PREDICTIONS (per run too); none under four mixtures of evidence."""
    rows: list[Row] = []
    predictions: list[Row] = []
    if swarm.num_mixtures < MIN_MIXTURES:
        return rows, predictions
    groups = swarm.groups
    with threadpool_limits(1):
        for metric in swarm.metrics:
            losses = swarm.series(metric)
            fit = fit_metric(swarm.weights, losses, groups, swarm.own_domain(metric))
            rows += [
                {
                    "metric": metric,
                    "law": law,
                    "scale": swarm.scale,
                    "num_runs": len(losses),
                    "heldout_mae": fit.mae[law],
                    "heldout_spearman": rank_correlation(fit.heldout[law].predicted, losses),
                    "noise_sd": noise_sd(losses, swarm.replicates),
                    "chosen": law == fit.chosen,
                }
                for law in sorted(fit.fits)
            ]
            predictions += [
                {
                    "metric": metric,
                    "law": law,
                    "run": int(run),
                    "measured": float(measured),
                    "predicted": float(predicted),
                }
                for law in sorted(fit.fits)
                for run, measured, predicted in zip(swarm.runs, losses, fit.heldout[law].predicted, strict=True)
            ]
    return rows, predictions
