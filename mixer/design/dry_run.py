"""What a design costs and what it can show, before anything is spent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from midmix.config import Config
from midmix.mixer.design.cost import Check, Cost, cost_of
from midmix.mixer.design.inputs import MixtureInputs, inputs_of
from midmix.mixer.design.pool import dirichlet_pool, group_numbers
from midmix.mixer.design.power import (
    STATED,
    Effect,
    Prior,
    check_effect,
    prior_of,
    smallest_effect,
)
from midmix.mixer.design.space_filling import Design, design_mixtures
from midmix.mixer.fit.swarm import Swarm, read_swarm
from midmix.mixer.optimize.step import goal_settings
from midmix.mixer.simplex import F64
from midmix.run import Run
from midmix.table_files import read_table
from midmix.tables import DESIGNS, LOSSES

CANDIDATES = 256


@dataclass(frozen=True)
class Preview:
    """Runs by role, what they cost, and what can be shown.

    `effects` maps a target to the prior it rests on, the smallest gain of a mixture over the reference that shows, and
    that of two mixtures run as often as the larger check allows (None without one).
    """

    roles: Mapping[str, int]
    tokens_per_run: int
    cost: Cost
    reference: str
    effects: Mapping[str, tuple[Prior, Effect, float | None]]


def preview(run: Run, *, parameters: Sequence[int], check: Check | None) -> Preview:
    """The preview of the design that the run's config asks for; `parameters` are those of a proxy at each size of the ladder.

    Raises ConfigError or InputError where the design itself would.
    """
    config, inputs = run.config, inputs_of(run, "design")
    proxy = config.require("proxy", "design")
    chosen = design_of(config, inputs)
    return Preview(
        roles=Counter(chosen.roles),
        tokens_per_run=proxy.tokens,
        cost=cost_of(chosen, proxy, parameters, check),
        reference="natural" if inputs.baseline is None else "baseline",
        effects=_effects(run, inputs, chosen.weights, check.runs // 2 if check else 0),
    )


def design_of(config: Config, inputs: MixtureInputs) -> Design:
    """The design that the config asks for, over these inputs."""
    proxy = config.require("proxy", "design")
    return design_mixtures(
        inputs.supply.tokens,
        inputs.limits,
        control=inputs.replay,
        baseline=inputs.baseline,
        web=inputs.web,
        num_mixtures=proxy.runs,
        num_seeds=proxy.seeds,
        seed=config.seed,
        groups=group_numbers(inputs.supply.domains),
    )


def _effects(
    run: Run, inputs: MixtureInputs, weights: F64, seeds: int
) -> dict[str, tuple[Prior, Effect, float | None]]:
    reference = inputs.natural if inputs.baseline is None else inputs.baseline
    limits, domains = inputs.limits, inputs.supply.domains
    pool = dirichlet_pool(inputs.supply.tokens, limits.domain_high, CANDIDATES, run.config.seed, group_numbers(domains))
    before = read_swarm(read_table(run.folder, DESIGNS), read_table(run.folder, LOSSES), domains)
    found = {}
    for name, (metric, _) in goal_settings(run.config.require("mixture", "design"))["targets"].items():
        prior = _prior(before, metric)
        own = domains.index(metric.removeprefix("domain:")) if metric.removeprefix("domain:") in domains else None
        effect = smallest_effect(weights, reference, limits.nearest(pool), prior, own=own)
        found[name] = (prior, effect, check_effect(prior, seeds) if seeds else None)
    return found


def _prior(before: Swarm, metric: str) -> Prior:
    """From the runs that are there, where they can say; else the stated one."""
    if metric not in before.metrics or not before.runs:
        return STATED
    return prior_of(before.series(metric), before.replicates) or STATED
