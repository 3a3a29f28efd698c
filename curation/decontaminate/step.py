"""The decontaminate step: EVALUATION_ITEMS of every set that the config names, ITEM_COVERAGE, then CONTAMINATION.

Each set is a unit of its own for every part, and so is each declared length of n-grams of it, and the search for it by
embeddings: a new benchmark, length or model is searched for without looking for the old ones again. The text of a part
is read once for all that is due. It drops nothing; `decide` does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from midmix.curation.clean import CleanDocuments, clean_documents
from midmix.curation.decontaminate.coverage import coverage
from midmix.curation.decontaminate.due import (
    Files,
    load_index,
    search_units,
    stored_items,
    unit_layers,
    what_is_due,
)
from midmix.curation.decontaminate.find import EMBEDDING, Index, find_leaks_in
from midmix.curation.decontaminate.item_embeddings import SETTING, embed_items
from midmix.curation.decontaminate.items import item_rows
from midmix.curation.semantic.embed import model_hash
from midmix.errors import ConfigError, InputError
from midmix.step import Context
from midmix.tables import CONTAMINATION, DOCUMENTS, EVALUATION_ITEMS, ITEM_COVERAGE, ITEM_EMBEDDINGS, SPANS
from midmix.task import JSON, Output, Task

VERSION = 2


def run(context: Context) -> None:
    """Write EVALUATION_ITEMS, ITEM_EMBEDDINGS, ITEM_COVERAGE and CONTAMINATION of the run."""
    config = context.config
    ngrams = sorted(config.leaks.ngrams)
    locations = {name: config.resolve(path) for name, (_, path) in config.evaluation_sets.items()}
    sets = {name: _set_settings(context, name, location) for name, location in locations.items()}
    context.gather(
        write_items,
        writes=(EVALUATION_ITEMS,),
        settings={"sets": {name: sets[name] for name in sorted(sets)}},
        extra=locations,
    )
    items = {name: {"items": each["items"], "split": each["split"]} for name, each in sets.items()}
    embedding = _embedding_settings(context)
    asked = {"ngrams": ngrams, "embeddings": embedding is not None}
    context.gather(write_coverage, writes=(ITEM_COVERAGE,), settings=asked, reads=(EVALUATION_ITEMS,))
    files = Files(context.files(EVALUATION_ITEMS), _embed_sets(context, items, embedding), _model(context))
    context.per_part(
        find_leaks,
        writes=(CONTAMINATION,),
        units=search_units(items, {"edits": sorted(config.edits)}, ngrams, embedding),
        reads=(DOCUMENTS, SPANS),
        extra=files,
    )


def _model(context: Context) -> Path | None:
    wanted = context.config.leaks.embeddings
    return Path(context.config.resolve(wanted.model)) if wanted else None


def _embedding_settings(context: Context) -> JSON:
    """What a search by embeddings depends on; None where none is asked for."""
    wanted, folder = context.config.leaks.embeddings, _model(context)
    if wanted is None or folder is None:
        return None
    return {"model": model_hash(folder, SETTING), "max_tokens": wanted.max_tokens, "cosine": wanted.cosine}


def _embed_sets(context: Context, sets: dict[str, JSON], embedding: JSON) -> tuple[Path, ...]:
    """Have the items of each set embedded; files of ITEM_EMBEDDINGS.

    Items are told by their file and split, not by their table, so that a new set leaves those of the others as they are.
    """
    model = {key: embedding[key] for key in ("model", "max_tokens")} if embedding else {}
    wanted = {f"{EMBEDDING}-{name}": {"set": name, **sets[name], **model} for name in sets if embedding}
    extra = (context.files(EVALUATION_ITEMS), _model(context))
    context.batches(embed_items, writes=(ITEM_EMBEDDINGS,), items=wanted, extra=extra)
    return context.files(ITEM_EMBEDDINGS)


def _set_settings(context: Context, name: str, location: str) -> JSON:
    """What a set's items depend on."""
    benchmark = context.config.benchmarks.get(name)
    return {
        "role": context.config.evaluation_sets[name][0],
        "items": _digest(location),
        "split": benchmark.split if benchmark else None,
        "keep": sorted(benchmark.keep) if benchmark else [],
    }


def _digest(location: str) -> str:
    """SHA-256 of a file, local or behind a URL. Raises InputError when it cannot be read, ConfigError for its scheme."""
    import fsspec

    try:
        with fsspec.open(location, "rb").open() as stream:
            digest = hashlib.sha256()
            while block := stream.read(1 << 20):
                digest.update(block)
    except (ImportError, ValueError) as error:
        raise ConfigError(
            f"evaluation set {location}: {error}. Install what its kind of URL needs, or copy it."
        ) from None
    except OSError as error:
        raise InputError(
            f"evaluation set {location}: {error.strerror or error}. Correct its path in the config, or take it out."
        ) from None
    return digest.hexdigest()


def write_items(task: Task, output: Output) -> None:
    """Rows of EVALUATION_ITEMS of all sets, by set."""

    def rows() -> Iterator[pa.Table]:
        for name, settings in task.settings["sets"].items():
            yield from item_rows(
                name, settings["role"], task.extra[name], split=settings["split"], keep=tuple(settings["keep"])
            )

    output.table(EVALUATION_ITEMS, rows())


def write_coverage(task: Task, output: Output) -> None:
    """What can be found of each item, by set."""
    items = stored_items(task.inputs[EVALUATION_ITEMS.name])
    names = pc.unique(items.column("set")).sort().to_pylist()
    ngrams, embeddings = task.settings["ngrams"], task.settings["embeddings"]
    output.table(
        ITEM_COVERAGE,
        (coverage(n, items.filter(pc.equal(items.column("set"), n)), ngrams, embeddings=embeddings) for n in names),
    )


def find_leaks(task: Task, output: Output) -> None:
    """Text of evaluation items in one part's clean text, for the sets that are due."""
    [edits] = {tuple(unit["edits"]) for unit in task.units.values()}
    documents = clean_documents(task, edits)
    rows = contamination(documents, load_index(task.extra, what_is_due(task.units.values())))
    for unit, settings in task.units.items():
        layer = pc.is_in(rows.column("layer"), pa.array(unit_layers(settings)))
        mine = rows.filter(pc.and_(pc.equal(rows.column("set"), settings["set"]), layer))
        output.table(CONTAMINATION, mine, unit=unit)
    output.read_text(documents.num_bytes)
    output.count(documents.source, len(documents.keys), len(documents.keys))


def contamination(documents: CleanDocuments, index: Index) -> pa.Table:
    """Rows of CONTAMINATION of clean documents, by key, with places in the raw text."""
    found = find_leaks_in(documents.texts, index)
    ordinals = found.column("document").to_numpy()
    starts = documents.raw_starts(ordinals, found.column("start_byte").to_numpy())
    ends = documents.raw_ends(ordinals, found.column("end_byte").to_numpy())
    columns = {"doc": documents.keys[ordinals], "start_byte": starts, "end_byte": np.maximum(starts, ends)}
    names = CONTAMINATION.schema().names
    rows = pa.table([pa.array(columns[n]) if n in columns else found.column(n) for n in names], names=names)
    return rows.cast(CONTAMINATION.schema()).sort_by([(key, "ascending") for key in CONTAMINATION.key])
