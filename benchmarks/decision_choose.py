"""What midmix makes of the runs: the design, a mixture for each objective with its verdict, and losses foretold.

All of it by the product's own functions, as its steps `design`, `fit` and `optimize` call them.
Letters: k domains, n mixtures, t metrics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from decision_setting import MAX_RISE, OBJECTIVES, RETAINED, Setting
from threadpoolctl import threadpool_limits

from midmix.mixer.design.inputs import MixtureInputs
from midmix.mixer.design.pool import group_numbers
from midmix.mixer.design.space_filling import Design, design_mixtures
from midmix.mixer.evidence.claims import evidence_rows
from midmix.mixer.fit.scales import at_larger_scale, fit_at_scale
from midmix.mixer.fit.swarm import read_swarm
from midmix.mixer.optimize.posterior import Z90
from midmix.mixer.optimize.problem import Goals
from midmix.mixer.optimize.recommend import optimize_weights
from midmix.mixer.optimize.repetition import Repetition
from midmix.mixer.optimize.step import reference_mixtures
from midmix.mixer.simplex import F64

METRICS = (*OBJECTIVES["mean"], f"set:{RETAINED}")


@dataclass(frozen=True)
class Choice:
    """The mixture [k] chosen for an objective, the overall verdict in a word and in a sentence, and the bound's verdict."""

    weights: tuple[float, ...]
    verdict: str
    words: str
    retention: str


@dataclass(frozen=True)
class Foretold:
    """Losses of one run on each of n mixtures [n, t] and the ends of their 90% intervals, in bits per byte."""

    mean: F64
    low: F64
    high: F64


def designed(inputs: MixtureInputs, setting: Setting) -> Design:
    """The mixtures of the swarm, replay first and the natural one second."""
    return design_mixtures(
        inputs.supply.tokens,
        inputs.limits,
        control=inputs.replay,
        baseline=None,
        num_mixtures=setting.mixtures,
        num_seeds=1,
        seed=setting.seed,
        groups=group_numbers(inputs.supply.domains),
    )


def goals_of(objective: str) -> Goals:
    """An objective as the step `optimize` takes it."""
    targets = {metric: (metric, weight) for metric, weight in OBJECTIVES[objective].items()}
    return Goals(targets, {RETAINED: (f"set:{RETAINED}", MAX_RISE)})


def choose(inputs: MixtureInputs, designs: pa.Table, losses: pa.Table, objective: str, setting: Setting) -> Choice:
    """The recommendation for one objective from DESIGNS and LOSSES of one size."""
    goals, references = goals_of(objective), reference_mixtures(inputs)
    swarm = at_larger_scale(read_swarm(designs, losses, inputs.supply.domains), goals.metrics)
    found = optimize_weights(
        swarm,
        goals,
        tokens=inputs.supply.tokens,
        limits=inputs.limits,
        total_tokens=inputs.total_tokens,
        references=references,
        fallback="natural",
        seed=setting.seed,
        repetition=Repetition(inputs.supply.tokens, inputs.total_tokens),
    )
    rows = evidence_rows(found, swarm, goals, (), references)
    claims = {(row["subject"], row["claim"]): row for row in rows}
    overall = claims["overall", "verdict"]
    kept = claims.get((f"retain:{RETAINED}", "retention_rise"))
    weights = tuple(float(weight) for weight in found.weights)
    return Choice(weights, overall["verdict"], overall["words"], kept["verdict"] if kept else "not supported")


def foretell(inputs: MixtureInputs, designs: pa.Table, losses: pa.Table, weights: F64) -> Foretold:
    """METRICS of one run on each of `weights` [n, k], at the largest scale among LOSSES that four mixtures have."""
    swarm = at_larger_scale(read_swarm(designs, losses, inputs.supply.domains), METRICS)
    with threadpool_limits(1):
        found = [fit_at_scale(swarm, metric).calibrated.predict_outcome(weights) for metric in METRICS]
    mean, sd = (np.column_stack(columns) for columns in zip(*found, strict=True))
    return Foretold(mean, mean - Z90 * sd, mean + Z90 * sd)
