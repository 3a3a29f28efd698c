"""LOSSES, DESIGNS, TOKENS -> WEIGHTS and EVIDENCE: the mixture to train on, and what that rests on.

The laws are fitted anew from LOSSES, which takes less than a second; LAWS is the record of that for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from midmix.config import Mixture, nearest
from midmix.errors import ConfigError
from midmix.mixer import baselines
from midmix.mixer.design.inputs import MixtureInputs, mixture_settings, read_inputs
from midmix.mixer.evidence.claims import evidence_rows
from midmix.mixer.fit.step import read_input
from midmix.mixer.fit.swarm import read_swarm
from midmix.mixer.optimize.problem import Goals
from midmix.mixer.optimize.recommend import Recommendation, optimize_weights
from midmix.mixer.simplex import F64, round_weights
from midmix.step import Context
from midmix.tables import DESIGNS, EVIDENCE, LAWS, LOSSES, PARTS, TOKENS, WEIGHTS
from midmix.task import Output, Task

VERSION = 1
AT_CAP = 1e-6  # stored weights are rounded to this


def run(context: Context) -> None:
    """Choose the weights."""
    mixture = context.config.require("mixture", context.step)
    settings = {"mixture": mixture_settings(context), **goal_settings(mixture), "seed": context.seed}
    context.gather(
        optimize, writes=(WEIGHTS, EVIDENCE), settings=settings, reads=(DESIGNS, LOSSES, LAWS, TOKENS, PARTS)
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
    """Write WEIGHTS and EVIDENCE."""
    settings, inputs = task.settings, read_inputs(task)
    for name, domain in settings["domain_targets"].items():
        if domain not in inputs.supply.domains:
            raise ConfigError(f"mixture.targets.{name}: no domain {domain!r}{nearest(domain, inputs.supply.domains)}")
    goals = Goals(*({n: (m, w) for n, (m, w) in settings[kind].items()} for kind in ("targets", "retain")))
    swarm = read_swarm(read_input(task, DESIGNS), read_input(task, LOSSES), inputs.supply.domains)
    references = reference_mixtures(inputs)
    recommendation = optimize_weights(
        swarm,
        goals,
        tokens=inputs.supply.tokens,
        caps=inputs.caps,
        references=references,
        fallback="baseline" if "baseline" in references else "natural",
        seed=settings["seed"],
    )
    weights = weight_rows(recommendation, references, inputs)
    output.table(WEIGHTS, pa.Table.from_pylist(weights, WEIGHTS.schema()))
    evidence = evidence_rows(recommendation, swarm, goals, settings["domain_targets"])
    output.table(EVIDENCE, pa.Table.from_pylist(evidence, EVIDENCE.schema()))


def reference_mixtures(inputs: MixtureInputs) -> dict[str, F64]:
    """What the optimum is compared with, by name in WEIGHTS: weights [k], whole multiples of 1e-6."""
    tokens, caps = inputs.supply.tokens, inputs.caps
    named = {"baseline": inputs.baseline, "natural": inputs.natural, "replay": inputs.replay}
    references = {name: round_weights(weights) for name, weights in named.items() if weights is not None}
    made = {
        "temperature": baselines.temperature(tokens, caps),
        "uniform": baselines.uniform(tokens, caps),
        "unimax": baselines.unimax(tokens, inputs.max_epochs, inputs.total_tokens),
    }
    return {**references, **{name: round_weights(weights, caps) for name, weights in made.items()}}


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
