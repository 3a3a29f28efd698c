"""Runs of the decision benchmark: bases on replay, and branches of them on mixtures, each result kept on disk.

Letters: M runs of a batch, P parameters of a model.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from decision_setting import SEQUENCE_LENGTH, Setting, Size
from numpy.typing import NDArray

from midmix.proxy_train.losses import Values, losses_table, per_unit, unigram_values
from midmix.proxy_train.model import Models
from midmix.proxy_train.pool import Run, make_feed
from midmix.proxy_train.recipe import Recipe
from midmix.proxy_train.shards import Shards, itemsize, shards_by_domain
from midmix.proxy_train.swarm import Swarm
from midmix.proxy_train.texts import Text, document_text, item_text
from midmix.proxy_train.tokens import load_tokenizer, num_ids, read_heldout, read_items
from midmix.proxy_train.unigram import token_counts, unigram_share
from midmix.run import open_run
from midmix.table_manifest import load_manifest
from midmix.tables import EVALUATION_ITEMS, TOKENS

CPU = torch.device("cpu")
WARMUP = 0.05  # of the base's steps


@dataclass(frozen=True)
class Batch:
    """Branches that train in one process: result file `name`, the size, and runs with their weights by domain."""

    name: str
    size: Size
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Pool:
    """Text of one tokenizer: training shards and token frequencies by domain, and what is measured."""

    vocabulary: int
    train: Mapping[str, Shards]
    texts: tuple[Text, ...]
    shares: Mapping[str, NDArray[np.float64]]


def open_pool(folder: Path, tokenizer: str, heldout_tokens: int) -> Pool:
    """The tokenized text of a run folder, with at most `heldout_tokens` of each held-out domain and evaluation set."""
    config = open_run(folder).config
    made = load_tokenizer(tokenizer, config.resolve(config.require("tokenizers", "train")[tokenizer]))
    vocabulary, manifest = num_ids(made), load_manifest(folder, TOKENS.name)
    train, heldout = (
        shards_by_domain(manifest, folder, tokenizer, split, itemsize(vocabulary)) for split in ("train", "heldout")
    )
    documents = read_heldout(manifest.paths(folder), heldout, tokenizer, heldout_tokens)
    items = read_items(load_manifest(folder, EVALUATION_ITEMS.name).paths(folder), made, heldout_tokens)
    end_of_text = next(int(array[-1]) for shards in train.values() for array in shards.open() if len(array))
    sizes = {"start": end_of_text, "length": SEQUENCE_LENGTH, "budget": heldout_tokens}
    held = [document_text(f"domain:{d}", h.documents, h.num_bytes, **sizes) for d, h in documents.items()]
    texts = (*held, *(item_text(f"set:{s}", found, **sizes) for s, found in items.items()))
    shares = {domain: unigram_share(token_counts(shards.open(), vocabulary)) for domain, shards in train.items()}
    return Pool(vocabulary, train, texts, shares)


def train_base(folder: Path, out: Path, setting: Setting, size: Size, replay: Mapping[str, float]) -> None:
    """One model on replay to the end of its stable phase: its weights and the optimizer's state in a file of `out`."""
    path, start = _base_path(out, size), time.process_time()
    if path.exists():
        return
    pool = open_pool(folder, size.tokenizer, setting.heldout_tokens)
    run = Run(0, 0, setting.stream(999), replay)
    models = Models.start(size.shape(pool.vocabulary), [run.stream], device=CPU)
    swarm = _swarm(models, pool, (run,), setting, size, steps=setting.base_steps, is_base=True)
    while swarm.step < setting.base_steps:
        swarm.advance()
    if not bool(swarm.optimizer.alive_M.all()):
        raise ArithmeticError(f"{size.name}: the base diverged at learning rate {size.learning_rate}; lower it")
    state = {name: tensor.numpy() for name, tensor in swarm.state().items()}
    with _whole(path) as partial:
        np.savez(partial, seconds=time.process_time() - start, **state)


def train_batch(folder: Path, out: Path, setting: Setting, batch: Batch) -> None:
    """Branch every run of a batch from its size's base, anneal it, and write its rows of LOSSES with the seconds spent."""
    path, start = out / "runs" / f"{batch.name}.parquet", time.process_time()
    if path.exists():
        return
    pool = open_pool(folder, batch.size.tokenizer, setting.heldout_tokens)
    shape = batch.size.shape(pool.vocabulary)
    models = Models.start(shape, [0] * len(batch.runs), device=CPU)
    swarm = _swarm(models, pool, batch.runs, setting, batch.size, steps=setting.steps, is_base=False)
    with np.load(_base_path(out, batch.size)) as base:
        # one row for all: weights, moments and the optimizer's count of steps
        state = {name: torch.from_numpy(base[name]) for name in base.files if name != "seconds"}
    swarm.set_state({name: value[0] if value.ndim else value for name, value in state.items()})
    while swarm.step < setting.steps:
        swarm.advance()
    measured = swarm.measure(pool.texts)
    metrics = tuple(text.metric for text in pool.texts)
    values = [Values(swarm.step, unit, metrics, found) for unit, found in per_unit(measured).items()]
    values += unigram_values(batch.runs, pool.texts, pool.shares, swarm.step)
    table = losses_table(values, batch.runs, shape, setting.batch_sequences * SEQUENCE_LENGTH)
    seconds = str(time.process_time() - start).encode()
    with _whole(path) as partial:
        pq.write_table(table.replace_schema_metadata({b"cpu_seconds": seconds}), partial)


def read_losses(out: Path, batch: Batch) -> pa.Table:
    """LOSSES of a batch that is done."""
    return pq.read_table(out / "runs" / f"{batch.name}.parquet").replace_schema_metadata(None)


def cpu_seconds(out: Path) -> dict[str, float]:
    """Processor seconds by file: those of the bases and of every batch."""
    found = {}
    for path in sorted((out / "bases").glob("L*.npz")):
        with np.load(path) as base:
            found[f"base-{path.stem}"] = float(base["seconds"])
    for path in sorted((out / "runs").glob("L*.parquet")):
        found[path.stem] = float(pq.read_schema(path).metadata[b"cpu_seconds"])
    return found


def _swarm(
    models: Models, pool: Pool, runs: tuple[Run, ...], setting: Setting, size: Size, *, steps: int, is_base: bool
) -> Swarm:
    """Base: warm-up, then constant. Branch: linear decay to 0 from its first step, text repeated as in the target run."""
    tokens = steps * setting.batch_sequences * SEQUENCE_LENGTH
    feed = make_feed(
        pool.train, runs, length=SEQUENCE_LENGTH, batch_sequences=setting.batch_sequences, steps=steps,
        target_tokens=tokens if is_base else setting.target_tokens, device=CPU,
    )  # fmt: skip
    recipe = Recipe(
        steps=steps,
        learning_rates=(size.learning_rate,) * len(runs),
        clips=(1.0,) * len(runs),
        warmup_fraction=WARMUP if is_base else 0.0,
        decay_fraction=0.0 if is_base else 1.0,
        weight_decay=0.1,
    )
    return Swarm(models, feed, recipe)


def _base_path(out: Path, size: Size) -> Path:
    return out / "bases" / f"{size.name}.npz"


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A place to write; the file then appears at `path` whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"partial-{os.getpid()}-{path.name}")
    yield partial
    partial.replace(path)
