"""What a part is searched for: units of the step by set and layer, and the index of those that are due."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from midmix.curation.decontaminate.embedding_search import EmbeddingIndex
from midmix.curation.decontaminate.find import ALIGNMENT, EMBEDDING, STRUCTURE, Index, build_index, ngram_layer
from midmix.curation.decontaminate.item_embeddings import SETTING, load_set
from midmix.curation.semantic.embed import load_encoder
from midmix.tables import EVALUATION_ITEMS
from midmix.task import JSON


@dataclass(frozen=True)
class Files:
    """What indexes are made from: files of EVALUATION_ITEMS and of ITEM_EMBEDDINGS, and the folder of the model."""

    items: tuple[Path, ...]
    embeddings: tuple[Path, ...] = ()
    model: Path | None = None


@dataclass(frozen=True)
class Due:
    """Sets to align; (set, n) of n-grams; sets to look for by embeddings, whose model's hash, tokens and cosine follow."""

    aligned: tuple[str, ...]
    ngrams: tuple[tuple[str, int], ...] = ()
    embedded: tuple[str, ...] = ()
    embedding: tuple[str, int, float] = ("", 0, 0.0)


def search_units(
    sets: Mapping[str, JSON], common: JSON, ngrams: Collection[int], embedding: JSON | None
) -> dict[str, JSON]:
    """Settings of each unit: a set by itself, with a length of n-grams, and with embeddings where they are asked for."""
    units: dict[str, JSON] = {}
    for name, settings in sets.items():
        mine = {"set": name, **common, **settings}
        units[name] = mine
        units |= {f"{name}+{ngram_layer(n)}": mine | {"ngram": n} for n in ngrams}
        if embedding:
            units[f"{name}+{EMBEDDING}"] = mine | {EMBEDDING: embedding}
    return units


def unit_layers(settings: JSON) -> list[str]:
    """The layers that a unit looks in."""
    if "ngram" in settings:
        return [ngram_layer(settings["ngram"])]
    return [EMBEDDING] if EMBEDDING in settings else [ALIGNMENT, STRUCTURE]


def what_is_due(units: Collection[JSON]) -> Due:
    """What units, by their settings, ask for; all name one model."""
    embedded = [unit for unit in units if EMBEDDING in unit]
    due = Due(
        tuple(unit["set"] for unit in units if ALIGNMENT in unit_layers(unit)),
        tuple((unit["set"], unit["ngram"]) for unit in units if "ngram" in unit),
    )
    if not embedded:
        return due
    about = embedded[0][EMBEDDING]
    model = (about["model"], about["max_tokens"], about["cosine"])
    return replace(due, embedded=tuple(unit["set"] for unit in embedded), embedding=model)


def stored_items(files: tuple[Path, ...]) -> pa.Table:
    """Rows of EVALUATION_ITEMS."""
    return pa.concat_tables([EVALUATION_ITEMS.schema().empty_table(), *(pq.read_table(path) for path in files)])


@functools.lru_cache(maxsize=1)
def load_index(files: Files, due: Due) -> Index:
    """The index of what is due, kept for the next part that this process searches."""
    items = stored_items(files.items)
    index = build_index(items, sets=due.aligned, ngrams=due.ngrams)
    if not due.embedded:
        return index
    assert files.model is not None
    identity, max_tokens, cosine = due.embedding
    encoder = load_encoder(files.model, identity, SETTING)
    sets = tuple(load_set(items, files.embeddings, name) for name in due.embedded)
    return replace(index, embedding=EmbeddingIndex(sets, encoder, max_tokens, cosine))
