"""train: every run of DESIGNS in batches of proxies that step together, and their held-out losses.

Batches are cut by the config alone, so losses are the same for any number of workers. On one device, with the same
versions and threads, they are bitwise the same again.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from midmix.config import Mixture, Proxy
from midmix.config.mixture import Rung
from midmix.disk import sha256_of
from midmix.errors import InputError
from midmix.proxy_train.base import make_bases
from midmix.proxy_train.batch_size import rows_per_batch
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.start import FROM_SEED, checkpoint_settings, schedule_settings
from midmix.proxy_train.tokens import load_tokenizer, num_ids
from midmix.step import Context
from midmix.table_files import read_unit
from midmix.tables import DESIGNS, EVALUATION_ITEMS, HALVINGS, LOSSES, PROXIES, TOKENS
from midmix.tables.mixture import ADDED, ADDED_TOGETHER, CANDIDATE_ROLES, FIRST_ADDED, OUTSIDE
from midmix.task import Output, Task

VERSION = 3


def run(context: Context) -> None:
    """Train all proxies. Raises ConfigError or InputError before any work."""
    config = context.config
    proxy: Proxy = config.require("proxy", "train")
    tokenizers: Mapping[str, str] = config.require("tokenizers", "train")
    name = "proxy" if "proxy" in tokenizers else "main"
    folder = config.resolve(tokenizers[name])
    mixture = config.require("mixture", "train")
    common = {
        "tokenizer": name,
        "tokenizer_sha256": sha256_of(Path(folder) / "tokenizer.json"),
        "target_tokens": mixture.tokens,
        **halving_settings(proxy, mixture),
    }
    extra: dict[str, Any] = {"tokenizer": folder, "starts": {}}
    items: dict[str, Any] = {}
    for place, (shape, settings) in enumerate(sizes_and_starts(context, proxy, folder, common, extra)):
        size = proxy.rows_per_batch or rows_per_batch(shape, proxy.batch_sequences * proxy.sequence_length)
        prefix = f"{shape.name}-" if place else ""
        items |= batches_of(context.folder, settings | common, size=size, seed=config.seed, prefix=prefix)
    # A batch holds the rows of DESIGNS that it depends on, so that a design that grows leaves the others done.
    context.batches(
        train_batch,
        writes=(LOSSES, HALVINGS, PROXIES),
        items=items,
        reads=(TOKENS, EVALUATION_ITEMS),
        later=(OUTSIDE,),
        extra=extra,
    )
    shutil.rmtree(context.folder / "state" / "train", ignore_errors=True)  # states of batches that nobody asks for now


def sizes_and_starts(
    context: Context, proxy: Proxy, folder: str, common: Mapping[str, Any], extra: dict[str, Any]
) -> list[tuple[Shape, dict[str, Any]]]:
    """Shape and settings of every size, with what its runs start from; stand-in bases are trained here where missing.

    The files of starts go into `extra`. Raises ConfigError or InputError.
    """
    vocabulary = num_ids(load_tokenizer(common["tokenizer"], folder))
    if proxy.checkpoint:
        path = Path(context.config.resolve(proxy.checkpoint))
        found = checkpoint_settings(path, Path(folder) / "tokenizer.json", vocabulary)
        extra["starts"][found["start"]["sha256"]] = str(path)
        settings = training_settings(proxy, vocabulary=vocabulary) | found | schedule_settings(proxy, found["start"])
        return [(Shape.from_values(found["shape"]), settings)]
    sizes = ladder_settings(proxy, vocabulary=vocabulary)
    starts = {shape.name: FROM_SEED for shape, _ in sizes}
    if proxy.base:
        by_name = {shape.name: {**settings, **common} for shape, settings in sizes}
        for name, (start, path) in make_bases(context, by_name, tokens=proxy.base.tokens, extra=extra).items():
            starts[name], extra["starts"][start["sha256"]] = start, str(path)
    return [
        (shape, settings | {"start": starts[shape.name]} | schedule_settings(proxy, starts[shape.name]))
        for shape, settings in sizes
    ]


def batches_of(folder: Path, settings: Mapping[str, Any], *, size: int, seed: int, prefix: str = "") -> dict[str, Any]:
    """Batches by name with their settings: those of the design, and those of the runs added to it, each time apart.

    `prefix` tells the sizes of a ladder apart. Raises InputError where there is no run.
    """
    groups = {"batch": read_runs(read_unit(folder, DESIGNS, ""), seed)}
    for run in read_runs(read_unit(folder, DESIGNS, ADDED), seed):
        groups.setdefault(f"added-{(run['number'] - FIRST_ADDED) // ADDED_TOGETHER:03d}", []).append(run)
    items = {
        f"{prefix}{name}-{i // size:03d}": {**settings, "runs": runs[i : i + size]}
        for name, runs in groups.items()
        for i in range(0, len(runs), size)
    }
    if not items:
        raise InputError("designs: no run at all; run the step design again")
    return items


def halving_settings(proxy: Proxy, mixture: Mixture) -> dict[str, Any]:
    """When batches halve and by which metrics, where the config asks for it."""
    if not proxy.halving:
        return {}
    total = sum(target.weight for target in mixture.targets.values())
    weights: dict[str, float] = {}
    for name, target in mixture.targets.items():
        metric = f"domain:{target.domain}" if target.domain else f"set:{name}"
        weights[metric] = weights.get(metric, 0.0) + target.weight / total
    return {"halving": {"fractions": list(proxy.halving), "weights": weights}}


def train_batch(task: Task, output: Output) -> None:
    """Train one batch, in a worker process: torch is imported there alone."""
    from midmix.proxy_train.batch import train_runs

    train_runs(task, output)


def training_settings(proxy: Proxy, *, vocabulary: int) -> dict[str, Any]:
    """What the losses of the proxy itself depend on, as plain values. Raises ConfigError where the shape cannot be."""
    return ladder_settings(proxy, vocabulary=vocabulary)[0][1]


def ladder_settings(proxy: Proxy, *, vocabulary: int) -> list[tuple[Shape, dict[str, Any]]]:
    """Shape and settings of every size, the proxy's own first. Raises ConfigError where a shape cannot be.

    A further size without a learning rate has the proxy's, lowered or raised by (parameters) ** (-1/3), as in Olmix
    (arXiv 2602.12237), whose rule is 0.0047 (N / 108M) ** (-1/3) / 2.
    """
    fields = (
        *("sequence_length", "batch_sequences", "tokens", "threads", "heldout_tokens"),
        *("weight_decay", "clip", "keep_weights"),
    )
    common = {field: getattr(proxy, field) for field in fields}
    found: list[tuple[Shape, dict[str, Any]]] = []
    sizes_asked: tuple[Proxy | Rung, ...] = (proxy, *proxy.ladder)
    for rung in sizes_asked:
        sizes = {
            "layers": rung.layers,
            "width": rung.width,
            # Llama's 8/3, which makes SwiGLU's three products as large as a plain block's two, rounded up
            "feed_forward": rung.feed_forward or 3 * rung.width,
            "heads": rung.heads or proxy.heads,
        }
        shape = Shape.from_values({**sizes, "vocabulary": vocabulary})
        rate = rung.learning_rate
        if rate is None:
            rate = proxy.learning_rate * (shape.num_parameters / found[0][0].num_parameters) ** (-1 / 3)
        found.append((shape, {"shape": sizes, "learning_rate": rate, **common}))
    return found


def read_runs(designs: pa.Table, seed: int) -> list[dict[str, Any]]:
    """The runs of DESIGNS in order, as fields of `pool.Run`. Raises InputError unless each has one stage and shares."""
    found: dict[int, dict[str, Any]] = {}
    stages: dict[int, set[str]] = {}
    for row in designs.sort_by([("run", "ascending"), ("domain", "ascending")]).to_pylist():
        entry = found.setdefault(
            row["run"],
            {
                "number": row["run"],
                "seed": row["seed"],
                "stream": _stream(seed, row["seed"]),
                "weights": {},
                "pools": {},
                "protected": row["role"] not in CANDIDATE_ROLES,
            },
        )
        entry["weights"][row["domain"]] = row["weight"]
        if row["pool"] is not None:
            entry["pools"][row["domain"]] = row["pool"]
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
