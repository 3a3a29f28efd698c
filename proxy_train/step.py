"""train: every run of DESIGNS in batches of proxies that step together, and their held-out losses.

Batches are cut by the config alone, so losses are the same for any number of workers. On one device, with the same
versions and threads, they are bitwise the same again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from midmix.artifact import read_unit, sha256_of
from midmix.config import Proxy
from midmix.errors import InputError
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.tokens import load_tokenizer, num_ids
from midmix.step import Context
from midmix.tables import DESIGNS, EVALUATION_ITEMS, LOSSES, TOKENS
from midmix.tables.mixture import ADDED, OUTSIDE
from midmix.task import Output, Task

VERSION = 2


def run(context: Context) -> None:
    """Train all proxies. Raises ConfigError or InputError before any work."""
    config = context.config
    proxy: Proxy = config.require("proxy", "train")
    tokenizers: Mapping[str, str] = config.require("tokenizers", "train")
    name = "proxy" if "proxy" in tokenizers else "main"
    folder = config.resolve(tokenizers[name])
    settings = training_settings(proxy, vocabulary=num_ids(load_tokenizer(name, folder))) | {
        "tokenizer": name,
        "tokenizer_sha256": sha256_of(Path(folder) / "tokenizer.json"),
        "target_tokens": config.require("mixture", "train").tokens,
    }
    items = batches_of(context.folder, settings, size=proxy.rows_per_batch, seed=config.seed)
    # A batch holds the rows of DESIGNS that it depends on, so that a design that grows leaves the others done.
    context.batches(
        train_batch, writes=(LOSSES,), items=items, reads=(TOKENS, EVALUATION_ITEMS), later=(OUTSIDE,), extra=folder
    )


def batches_of(folder: Path, settings: Mapping[str, Any], *, size: int, seed: int) -> dict[str, Any]:
    """Batches by name with their settings: those of the design, and those of the runs added to it, each cut from its start.

    Raises InputError where there is no run.
    """
    items: dict[str, Any] = {}
    for name, unit in (("batch", ""), (ADDED, ADDED)):
        runs = read_runs(read_unit(folder, DESIGNS, unit), seed)
        items |= {
            f"{name}-{i // size:03d}": {**settings, "runs": runs[i : i + size]} for i in range(0, len(runs), size)
        }
    if not items:
        raise InputError("designs: no run at all; run the step design again")
    return items


def train_batch(task: Task, output: Output) -> None:
    """Train one batch, in a worker process: torch is imported there alone."""
    from midmix.proxy_train.batch import train_runs

    train_runs(task, output)


def training_settings(proxy: Proxy, *, vocabulary: int) -> dict[str, Any]:
    """What the losses depend on, as plain values. Raises ConfigError where the shape cannot be."""
    sizes = {
        "layers": proxy.layers,
        "width": proxy.width,
        # Llama's 8/3, which makes SwiGLU's three products as large as a plain block's two, rounded up
        "feed_forward": proxy.feed_forward or 3 * proxy.width,
        "heads": proxy.heads,
    }
    Shape(**sizes, vocabulary=vocabulary)
    fields = (
        *("sequence_length", "batch_sequences", "tokens", "threads", "heldout_tokens"),
        *("learning_rate", "warmup_fraction", "decay_fraction", "weight_decay", "clip"),
    )
    return {"shape": sizes} | {field: getattr(proxy, field) for field in fields}


def read_runs(designs: pa.Table, seed: int) -> list[dict[str, Any]]:
    """The runs of DESIGNS in order, as fields of `pool.Run`. Raises InputError unless each has one stage and shares."""
    found: dict[int, dict[str, Any]] = {}
    stages: dict[int, set[str]] = {}
    for row in designs.sort_by([("run", "ascending"), ("domain", "ascending")]).to_pylist():
        entry = found.setdefault(
            row["run"], {"number": row["run"], "seed": row["seed"], "stream": _stream(seed, row["seed"]), "weights": {}}
        )
        entry["weights"][row["domain"]] = row["weight"]
        stages.setdefault(row["run"], set()).add(row["stage"])
    _check(found, stages)
    return list(found.values())


def _check(runs: Mapping[int, Mapping[str, Any]], stages: Mapping[int, Sequence[str] | set[str]]) -> None:
    for number, entry in runs.items():
        total = sum(entry["weights"].values())
        if len(stages[number]) > 1:
            raise InputError(f"designs: run {number} has stages {sorted(stages[number])}; expected one stage a run")
        if abs(total - 1) > 1e-6 or min(entry["weights"].values()) < 0:
            raise InputError(
                f"designs: weights of run {number} sum to {total:.6f}, expected 1 and none below 0; "
                f"run the step design again"
            )


def _stream(seed: int, run_seed: int) -> int:
    """The number that a run's initial weights and order of text come from; of the config's seed and the run's."""
    return int(np.random.SeedSequence([seed, run_seed]).generate_state(1, np.uint64)[0] >> 1)
