"""One batch of proxies from its settings to its rows of LOSSES; a worker process does it whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from midmix.artifact import load_manifest
from midmix.errors import InputError
from midmix.proxy_train.losses import curve_values, losses_table, unigram_values
from midmix.proxy_train.model import Models
from midmix.proxy_train.pool import Run, make_feed
from midmix.proxy_train.schedule import CURVE_POINTS
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.shards import Shards, itemsize, shards_by_domain
from midmix.proxy_train.swarm import Recipe, Swarm
from midmix.proxy_train.texts import Text, document_text, item_text
from midmix.proxy_train.tokens import load_tokenizer, num_ids, read_heldout, read_items
from midmix.proxy_train.unigram import token_counts, unigram_share
from midmix.tables import EVALUATION_ITEMS, LOSSES, TOKENS
from midmix.task import Output, Task


@dataclass(frozen=True)
class Sources:
    """Everything that a batch reads, opened."""

    vocabulary: int
    train: Mapping[str, Shards]
    curve: tuple[Text, ...]
    final: tuple[Text, ...]
    shares: Mapping[str, NDArray[np.float64]]


def train_runs(task: Task, output: Output) -> None:
    """Train the runs of a batch and write their LOSSES. `task.extra` is the tokenizer's folder."""
    settings = task.settings
    runs = [Run(**run) for run in settings["runs"]]
    with _torch_threads(settings["threads"]):
        device = pick_device()
        sources = open_sources(task, settings)
        swarm = _start(settings, runs, sources, device)
        measured = list(swarm.run(sources.curve, sources.final))
    tokens_per_step = settings["batch_sequences"] * settings["sequence_length"]
    values = [*curve_values(measured), *unigram_values(runs, sources.final, sources.shares, swarm.step)]
    output.table(LOSSES, losses_table(values, runs, swarm.models.shape, tokens_per_step))


def pick_device() -> torch.device:
    """CUDA when there is one, set to repeat itself; else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a pass over every buffer
    return torch.device("cuda")


@contextmanager
def _torch_threads(threads: int) -> Iterator[None]:
    """Threads are a setting, since they change the order of sums; put back, since the worker does other steps too."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def open_sources(task: Task, settings: Mapping[str, Any]) -> Sources:
    """Shards, held-out texts and evaluation items. Raises InputError where there is nothing to measure."""
    name = settings["tokenizer"]
    tokenizer = load_tokenizer(name, task.extra)
    vocabulary = num_ids(tokenizer)
    manifest = load_manifest(task.folder, TOKENS.name)
    train, heldout = (
        shards_by_domain(manifest, task.folder, name, split, itemsize(vocabulary)) for split in ("train", "heldout")
    )
    budget, length = settings["heldout_tokens"], settings["sequence_length"]
    documents = read_heldout(task.inputs[TOKENS.name], heldout, name, budget)
    items = read_items(task.inputs[EVALUATION_ITEMS.name], tokenizer, budget)
    if not documents and not items:
        raise InputError(
            "tokens, evaluation_items: no held-out text and no item, so no proxy can be measured; "
            "raise heldout_fraction"
        )
    start = _end_of_text(train)

    def texts(tokens: int) -> tuple[Text, ...]:
        sizes = {"start": start, "length": length, "budget": tokens}
        held = [document_text(f"domain:{d}", h.documents, h.num_bytes, **sizes) for d, h in documents.items()]
        return (*held, *(item_text(f"set:{s}", found, **sizes) for s, found in items.items()))

    shares = {domain: unigram_share(token_counts(shards.open(), vocabulary)) for domain, shards in train.items()}
    return Sources(vocabulary, train, texts(max(1, budget // CURVE_POINTS)), texts(budget), shares)


def _end_of_text(train: Mapping[str, Shards]) -> int:
    """The last token of any shard: every document ends with it."""
    for shards in train.values():
        for array in shards.open():
            if len(array):
                return int(array[-1])
    raise InputError(
        'tokens: no training tokens at all; see `midmix sql RUN "FROM drops"` for where the documents went'
    )


def _start(settings: Mapping[str, Any], runs: Sequence[Run], sources: Sources, device: torch.device) -> Swarm:
    shape = Shape(**settings["shape"], vocabulary=sources.vocabulary)
    tokens_per_step = settings["batch_sequences"] * settings["sequence_length"]
    steps = max(1, settings["tokens"] // tokens_per_step)
    feed = make_feed(
        sources.train, runs, length=settings["sequence_length"], batch_sequences=settings["batch_sequences"],
        steps=steps, target_tokens=settings["target_tokens"], device=device,
    )  # fmt: skip
    recipe = Recipe(
        steps=steps,
        learning_rates=(settings["learning_rate"],) * len(runs),
        clips=(settings["clip"],) * len(runs),
        warmup_fraction=settings["warmup_fraction"],
        decay_fraction=settings["decay_fraction"],
        weight_decay=settings["weight_decay"],
    )
    return Swarm(Models.start(shape, [run.stream for run in runs], device=device), feed, recipe)
