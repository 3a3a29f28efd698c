"""Swarm -> rows of LAWS."""

from __future__ import annotations

from typing import Any

from threadpoolctl import threadpool_limits

from midmix.mixer.fit.heldout import MIN_MIXTURES, fit_metric, rank_correlation
from midmix.mixer.fit.swarm import Swarm, noise_sd
from midmix.mixer.laws import LAWS


def fit_laws(swarm: Swarm) -> list[dict[str, Any]]:
    """One row per metric and law; none when fewer than four mixtures are evidence."""
    rows: list[dict[str, Any]] = []
    if swarm.num_mixtures < MIN_MIXTURES:
        return rows
    groups = swarm.groups
    with threadpool_limits(1):
        for metric in swarm.metrics:
            losses = swarm.series(metric)
            fit = fit_metric(swarm.weights, losses, groups, swarm.own_domain(metric))
            rows += [
                {
                    "metric": metric,
                    "law": law,
                    "num_runs": len(losses),
                    "heldout_mae": fit.mae[law],
                    "heldout_spearman": rank_correlation(fit.heldout[law].predicted, losses),
                    "noise_sd": noise_sd(losses, groups),
                    "chosen": law == fit.chosen,
                }
                for law in sorted(LAWS)
            ]
    return rows
