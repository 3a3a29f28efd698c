"""TOKENS -> DESIGNS: the mixtures that proxy runs try."""

from __future__ import annotations

import pyarrow as pa

from midmix.mixer.design.inputs import mixture_settings, read_inputs
from midmix.mixer.design.pool import group_numbers
from midmix.mixer.design.space_filling import design_mixtures
from midmix.step import Context
from midmix.tables import DESIGNS, PARTS, TOKENS
from midmix.tables.mixture import GROWN
from midmix.task import Output, Task

VERSION = 3
STAGE = "main"


def run(context: Context) -> None:
    """Design the swarm."""
    proxy = context.config.require("proxy", context.step)
    settings = {"mixture": mixture_settings(context), "runs": proxy.runs, "seeds": proxy.seeds, "seed": context.seed}
    context.gather(design, writes=(DESIGNS,), settings=settings, reads=(TOKENS, PARTS), later=GROWN)


def design(task: Task, output: Output) -> None:
    """Write DESIGNS, one row per run and domain."""
    inputs = read_inputs(task)
    chosen = design_mixtures(
        inputs.supply.tokens,
        inputs.limits,
        control=inputs.replay,
        baseline=inputs.baseline,
        web=inputs.web,
        num_mixtures=task.settings["runs"],
        num_seeds=task.settings["seeds"],
        seed=task.settings["seed"],
        groups=group_numbers(inputs.supply.domains),
    )
    rows = [
        {"run": run, "role": role, "stage": STAGE, "seed": seed, "domain": domain, "weight": float(weight)}
        for run, (role, seed, weights) in enumerate(zip(chosen.roles, chosen.seeds, chosen.weights, strict=True))
        for domain, weight in zip(inputs.supply.domains, weights, strict=True)
    ]
    output.table(DESIGNS, pa.Table.from_pylist(rows, DESIGNS.schema()))
