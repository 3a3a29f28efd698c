"""LOSSES, DESIGNS, TOKENS -> WEIGHTS, what they cost, and EVIDENCE: the mixture to train on, and what that rests on.

The laws are fitted anew from LOSSES, which takes less than a second; LAWS is the record of that for people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from midmix.config import Mixture, nearest
from midmix.errors import ConfigError
from midmix.mixer import baselines
from midmix.mixer.design.inputs import MixtureInputs, mixture_settings, read_inputs
from midmix.mixer.evidence.claims import evidence_rows
from midmix.mixer.evidence.micro_anneals import anneal_rows, claims_of
from midmix.mixer.evidence.start import start_claims
from midmix.mixer.fit.scales import at_larger_scale
from midmix.mixer.fit.step import read_input
from midmix.mixer.fit.swarm import read_swarm
from midmix.mixer.optimize.problem import Goals
from midmix.mixer.optimize.recommend import Recommendation, optimize_weights
from midmix.mixer.optimize.repetition import Repetition
from midmix.mixer.simplex import F64, round_weights
from midmix.step import Context
from midmix.tables import (
    ALTERNATIVES,
    ANNEALS,
    DESIGNS,
    EVIDENCE,
    FRONTIER,
    LAWS,
    LOSSES,
    PARTS,
    PRICES,
    PROXIES,
    TOKENS,
    WEIGHTS,
)
from midmix.task import Output, Task

VERSION = 3
AT_CAP = 1e-6  # stored weights are rounded to this


def run(context: Context) -> None:
    """Choose the weights."""
    mixture = context.config.require("mixture", context.step)
    settings = {"mixture": mixture_settings(context), **goal_settings(mixture), "seed": context.seed}
    context.gather(
        optimize,
        writes=(WEIGHTS, ALTERNATIVES, PRICES, FRONTIER, ANNEALS, EVIDENCE),
        settings=settings,
        reads=(DESIGNS, LOSSES, PROXIES, LAWS, TOKENS, PARTS),
    )


def goal_settings(mixture: Mixture) -> dict[str, Any]:
    """Targets as name -> [metric, weight] with weights that sum to 1, retained sets as name -> [metric, max_rise]."""
    total = sum(target.weight for target in mixture.targets.values())
    return {
        "targets": {
            name: [f"domain:{target.domain}" if target.domain else f"set:{name}", target.weight / total]
            for name, target in mixture.targets.items()
        },
        "retain": {name: [f"set:{name}", retain.max_rise] for name, retain in mixture.retain.items()},
        "domain_targets": {name: target.domain for name, target in mixture.targets.items() if target.domain},
    }


def optimize(task: Task, output: Output) -> None:
    """Write WEIGHTS, ALTERNATIVES, PRICES, FRONTIER, ANNEALS and EVIDENCE."""
    settings, inputs = task.settings, read_inputs(task)
    for name, domain in settings["domain_targets"].items():
        if domain not in inputs.supply.domains:
            raise ConfigError(f"mixture.targets.{name}: no domain {domain!r}{nearest(domain, inputs.supply.domains)}")
    goals = Goals(*({n: (m, w) for n, (m, w) in settings[kind].items()} for kind in ("targets", "retain")))
    designs, losses = read_input(task, DESIGNS), read_input(task, LOSSES)
    runs = read_swarm(designs, losses, inputs.supply.domains)
    swarm = at_larger_scale(runs, goals.metrics)
    references = reference_mixtures(inputs)
    recommendation = optimize_weights(
        swarm,
        goals,
        tokens=inputs.supply.tokens,
        limits=inputs.limits,
        total_tokens=inputs.total_tokens,
        references=references,
        fallback="baseline" if "baseline" in references else "natural",
        seed=settings["seed"],
        repetition=Repetition(inputs.supply.tokens, inputs.total_tokens),
    )
    anneals = anneal_rows(designs, losses, inputs, goals)
    measured = [
        *start_claims(read_input(task, PROXIES)),
        *claims_of(anneals, runs.kind.shape if runs.kind else None),
    ]
    evidence = evidence_rows(recommendation, swarm, goals, settings["domain_targets"], references, measured)
    for table, rows in (
        (WEIGHTS, weight_rows(recommendation, references, inputs)),
        (ALTERNATIVES, alternative_rows(recommendation, inputs.supply.domains)),
        (PRICES, price_rows(recommendation)),
        (FRONTIER, frontier_rows(recommendation)),
        (ANNEALS, anneals),
        (EVIDENCE, evidence),
    ):
        output.table(table, pa.Table.from_pylist(rows, table.schema()))


def reference_mixtures(inputs: MixtureInputs) -> dict[str, F64]:
    """What the optimum is compared with, by name in WEIGHTS: weights [k], whole multiples of 1e-6."""
    tokens, limits = inputs.supply.tokens, inputs.limits
    named = {"baseline": inputs.baseline, "natural": inputs.natural, "replay": inputs.replay}
    references = {name: round_weights(weights) for name, weights in named.items() if weights is not None}
    made = {
        "temperature": limits.nearest(baselines.temperature(tokens, inputs.caps)),
        "uniform": limits.nearest(baselines.uniform(tokens, inputs.caps)),
        "unimax": baselines.unimax(tokens, inputs.max_epochs, inputs.total_tokens),
    }
    return {**references, **{name: round_weights(weights, inputs.caps) for name, weights in made.items()}}


def weight_rows(
    recommendation: Recommendation, references: Mapping[str, F64], inputs: MixtureInputs
) -> list[dict[str, Any]]:
    """Rows of WEIGHTS, sorted by its key."""
    rows = []
    for mixture, weights in sorted({"optimum": recommendation.weights, **references}.items()):
        interval = mixture == "optimum" and recommendation.low is not None and recommendation.high is not None
        for j, domain in enumerate(inputs.supply.domains):
            rows.append(
                {
                    "mixture": mixture,
                    "domain": domain,
                    "weight": float(weights[j]),
                    "low": float(recommendation.low[j]) if interval and recommendation.low is not None else None,
                    "high": float(recommendation.high[j]) if interval and recommendation.high is not None else None,
                    "cap": float(inputs.caps[j]),
                    "at_cap": bool(weights[j] >= inputs.caps[j] - AT_CAP),
                    "epochs": float(weights[j] * inputs.total_tokens / inputs.supply.tokens[j]),
                }
            )
    return rows


def alternative_rows(recommendation: Recommendation, domains: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of ALTERNATIVES, sorted by its key."""
    mixtures: dict[str, F64] = {}
    for end, rows in (("least", recommendation.least), ("most", recommendation.most)):
        if rows is not None:
            mixtures |= {f"{end}:{domain}": weights for domain, weights in zip(domains, rows, strict=True)}
    mixtures |= {f"frontier:{point.place}": point.weights for point in recommendation.frontier}
    return [
        {"mixture": mixture, "domain": domain, "weight": float(weight)}
        for mixture, weights in sorted(mixtures.items())
        for domain, weight in zip(domains, round_weights(weights), strict=True)
    ]


def price_rows(recommendation: Recommendation) -> list[dict[str, Any]]:
    """Rows of PRICES, sorted by its key."""
    rows = [{"kind": p.kind, "name": p.name, "price": p.value, "unit": p.unit} for p in recommendation.prices]
    return sorted(rows, key=lambda row: (row["kind"], row["name"]))


def frontier_rows(recommendation: Recommendation) -> list[dict[str, Any]]:
    """Rows of FRONTIER, sorted by its key."""
    return [
        {
            "point": point.place,
            "retain": retain,
            "allowed": float(point.allowed[b]),
            "rise": float(point.rise[b]),
            "rise_sd": float(point.rise_sd[b]),
            "gain": point.gain.value,
            "gain_low": point.gain.low,
            "gain_high": point.gain.high,
        }
        for point in recommendation.frontier
        for retain, b in sorted((retain, b) for b, retain in enumerate(recommendation.rises))
    ]
