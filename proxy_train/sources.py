"""What a batch reads: training shards by domain, held-out texts, evaluation items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from midmix.errors import InputError
from midmix.proxy_train.schedule import CURVE_POINTS
from midmix.proxy_train.shards import Shards, itemsize, shards_by_domain
from midmix.proxy_train.texts import Text, document_text, item_text
from midmix.proxy_train.tokens import load_tokenizer, num_ids, read_heldout, read_items
from midmix.proxy_train.unigram import token_counts, unigram_share
from midmix.table_manifest import load_manifest
from midmix.tables import EVALUATION_ITEMS, TOKENS
from midmix.task import Task

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class Sources:
    """Everything that a batch reads, opened. `end_of_text` is the token that ends texts."""

    vocabulary: int
    end_of_text: int
    train: Mapping[str, Shards]
    curve: tuple[Text, ...]
    final: tuple[Text, ...]
    shares: Mapping[str, NDArray[np.float64]]


def open_tokenizer(task: Task) -> Tokenizer:
    """The tokenizer whose ids the batch reads."""
    return load_tokenizer(task.settings["tokenizer"], task.extra["tokenizer"])


def open_shards(task: Task, vocabulary: int, split: str) -> dict[str, Shards]:
    """The shards of a split by domain; `vocabulary` is the tokenizer's."""
    manifest = load_manifest(task.folder, TOKENS.name)
    return shards_by_domain(manifest, task.folder, task.settings["tokenizer"], split, itemsize(vocabulary))


def open_sources(task: Task) -> Sources:
    """Shards, held-out texts and evaluation items. Raises InputError where there is nothing to measure."""
    settings, name, tokenizer = task.settings, task.settings["tokenizer"], open_tokenizer(task)
    vocabulary = num_ids(tokenizer)
    train, heldout = (open_shards(task, vocabulary, split) for split in ("train", "heldout"))
    budget, length = settings["heldout_tokens"], settings["sequence_length"]
    documents = read_heldout(task.inputs[TOKENS.name], heldout, name, budget)
    items = read_items(task.inputs[EVALUATION_ITEMS.name], tokenizer, budget)
    if not documents and not items:
        raise InputError(
            "tokens, evaluation_items: no held-out text and no item, so no proxy can be measured; "
            "raise heldout_fraction"
        )
    start = end_of_text(train)

    def texts(tokens: int) -> tuple[Text, ...]:
        sizes = {"start": start, "length": length, "budget": tokens}
        held = [document_text(f"domain:{d}", h.documents, h.num_bytes, **sizes) for d, h in documents.items()]
        return (*held, *(item_text(f"set:{s}", found, **sizes) for s, found in items.items()))

    shares = {domain: unigram_share(token_counts(shards.open(), vocabulary)) for domain, shards in train.items()}
    return Sources(vocabulary, start, train, texts(max(1, budget // CURVE_POINTS)), texts(budget), shares)


def end_of_text(train: Mapping[str, Shards]) -> int:
    """The last token of any shard: every document ends with it."""
    for shards in train.values():
        for array in shards.open():
            if len(array):
                return int(array[-1])
    raise InputError(
        'tokens: no training tokens at all; see `midmix sql RUN "FROM drops"` for where the documents went'
    )
