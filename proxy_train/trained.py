"""What is kept of trained proxies: rows of PROXIES, and their weights in files beside it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from midmix.proxy_train.pool import Run
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.start import Start, write_proxy
from midmix.proxy_train.swarm import Swarm
from midmix.proxy_train.tokens import tokenizer_identity
from midmix.tables import PROXIES
from midmix.tables.proxies import BASE_RUN
from midmix.task import Output, Task


def keep_proxies(
    task: Task, output: Output, swarm: Swarm, runs: Sequence[Run], places: Sequence[int], end_of_text: int
) -> None:
    """Write PROXIES of a batch whose runs at `places` are left, and their weights where the config keeps them."""
    shape, state = swarm.models.shape, swarm.state()
    names: dict[int, str] = {}
    facts = proxy_facts(task, end_of_text, swarm.step)
    for row_P, place, alive in zip(state["weights"], places, state["alive"].tolist(), strict=True):
        if alive and task.settings["keep_weights"]:
            name = f"run-{runs[place].number:06d}-{shape.name}.safetensors"
            write = partial(write_proxy, start=Start(row_P), shape=shape, facts=facts)
            output.attach(PROXIES, name, write)
            names[runs[place].number] = name
    left = {runs[place].number for place in places}
    steps = {run.number: swarm.step for run in runs if run.number in left}
    rows = [proxy_row(task, run.number, shape, steps.get(run.number), names.get(run.number)) for run in runs]
    output.table(PROXIES, pa.Table.from_pylist(sorted(rows, key=lambda row: row["run"]), PROXIES.schema()))


def keep_base(task: Task, output: Output, swarm: Swarm, end_of_text: int) -> None:
    """Write PROXIES of a stand-in base, with the moments that its branches carry on."""
    shape, state = swarm.models.shape, swarm.state()
    row_P, mean_P, square_P = (state[name][0] for name in ("weights", "mean", "square"))
    start, facts = Start(row_P, mean_P, square_P, int(state["steps"])), proxy_facts(task, end_of_text, swarm.step)
    name = f"base-{shape.name}.safetensors"
    output.attach(PROXIES, name, lambda path: write_proxy(path, start, shape, facts))
    row = proxy_row(task, BASE_RUN, shape, swarm.step, name)
    output.table(PROXIES, pa.Table.from_pylist([row], PROXIES.schema()))


def proxy_facts(task: Task, end_of_text: int, steps: int) -> dict[str, Any]:
    """What the file of a proxy says of it beside its shape."""
    before = task.settings["start"]["tokens"]
    return {
        "tokenizer_identity": tokenizer_identity(Path(task.extra["tokenizer"]) / "tokenizer.json"),
        "tokens": None if before is None else before + steps * tokens_per_step(task),
        "sequence_length": task.settings["sequence_length"],
        "end_of_text": end_of_text,
    }


def tokens_per_step(task: Task) -> int:
    """Tokens of one model in one step."""
    return int(task.settings["batch_sequences"] * task.settings["sequence_length"])


def proxy_row(task: Task, run: int, shape: Shape, steps: int | None, weights: str | None) -> dict[str, Any]:
    """A row of PROXIES; `steps` None where the run was stopped."""
    start = task.settings["start"]
    return {
        "run": run,
        "shape": shape.name,
        "start": start["kind"],
        "start_sha256": start["sha256"],
        "moments": start["moments"],
        "start_tokens": start["tokens"],
        "tokens": None if steps is None else steps * tokens_per_step(task),
        "weights": weights,
    }
