"""A stand-in base: one model of each size, trained once on the replay mixture to the end of its stable phase.

For want of a checkpoint that can be trained here, all runs branch from it. Its mixture is that of the control runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from midmix.errors import InputError
from midmix.proxy_train.start import FROM_SEED, file_start
from midmix.step import Context
from midmix.table_files import read_unit
from midmix.table_manifest import load_manifest
from midmix.tables import DESIGNS, PROXIES, TOKENS
from midmix.tables.proxies import BASE_RUN, STAND_IN
from midmix.task import Output, Task

# The base's own stream of random numbers, which no seed of a run in DESIGNS has.
_STREAM = 2**31
# The base trains from random weights to the end of its stable phase.
_FIELDS = (
    *("shape", "tokenizer", "tokenizer_sha256", "sequence_length", "batch_sequences"),
    *("learning_rate", "weight_decay", "clip", "threads"),
)
_SCHEDULE = {"warmup_fraction": 0.05, "decay_fraction": 0.0, "decay": "linear", "end_fraction": 0.0}


def make_bases(
    context: Context, sizes: Mapping[str, Mapping[str, Any]], *, tokens: int, extra: Mapping[str, Any]
) -> dict[str, tuple[dict[str, Any], Path]]:
    """Train the bases that are not there yet; by name of `sizes` the start of runs that branch from it, and its file.

    `sizes` maps the name of a shape to the settings of its batches. Raises InputError where there is no replay mixture.
    """
    weights = replay_weights(context)
    stream = int(np.random.SeedSequence([context.seed, _STREAM]).generate_state(1, np.uint64)[0] >> 1)
    run = {"number": BASE_RUN, "seed": 0, "stream": stream, "weights": weights}
    items = {
        f"base-{name}": {
            **{field: settings[field] for field in _FIELDS},
            **_SCHEDULE,
            "tokens": tokens,
            # as many as it reads itself: a base may draw from all replay text
            "target_tokens": tokens,
            "start": FROM_SEED,
            "runs": [run],
        }
        for name, settings in sizes.items()
    }
    context.batches(train_base, writes=(PROXIES,), items=items, reads=(TOKENS,), extra=dict(extra))
    attachments = load_manifest(context.folder, PROXIES.name).attachments
    paths = {name: context.folder / attachments[f"base-{name}.safetensors"] for name in sizes}
    return {name: (file_start(path, STAND_IN), path) for name, path in paths.items()}


def replay_weights(context: Context) -> dict[str, float]:
    """Shares by domain of the control runs of DESIGNS. Raises InputError where there is none."""
    rows = read_unit(context.folder, DESIGNS, "").to_pylist()
    controls = [row for row in rows if row["role"] == "control"]
    if not controls:
        raise InputError(
            "proxy.base: no run on replay alone in designs, so nothing says what the base is to be trained on; "
            "add mixture.replay, what the checkpoint was trained on, and run the step design again"
        )
    first = min(row["run"] for row in controls)
    return {row["domain"]: row["weight"] for row in sorted(controls, key=lambda r: r["domain"]) if row["run"] == first}


def train_base(task: Task, output: Output) -> None:
    """Train one base, in a worker process: torch is imported there alone."""
    from midmix.proxy_train.batch import train_stand_in

    train_stand_in(task, output)
