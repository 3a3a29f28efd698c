"""The decontaminate step: EVALUATION_ITEMS of every set that the config names, ITEM_COVERAGE, then CONTAMINATION.

Each set is a unit of its own for every part, and so is each declared length of n-grams of it: a new benchmark, or a new
length, is searched for without looking for the old ones again. The text of a part is read once for all that is due. It
drops nothing; `decide` does.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from midmix.curation.clean import CleanDocuments, clean_documents
from midmix.curation.decontaminate.coverage import coverage
from midmix.curation.decontaminate.find import Index, build_index, find_leaks_in
from midmix.curation.decontaminate.items import item_rows
from midmix.errors import ConfigError, InputError
from midmix.step import Context
from midmix.tables import CONTAMINATION, DOCUMENTS, EVALUATION_ITEMS, ITEM_COVERAGE, SPANS
from midmix.task import JSON, Output, Task

VERSION = 2


def run(context: Context) -> None:
    """Write EVALUATION_ITEMS, ITEM_COVERAGE and CONTAMINATION of the run."""
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
    context.gather(write_coverage, writes=(ITEM_COVERAGE,), settings={"ngrams": ngrams}, reads=(EVALUATION_ITEMS,))
    common = {"edits": sorted(config.edits)}
    units: dict[str, JSON] = {}
    for name, settings in sets.items():
        items = {"set": name, "items": settings["items"], "split": settings["split"]}
        units[name] = common | items
        units |= {f"{name}+{n}-gram": common | items | {"ngram": n} for n in ngrams}
    context.per_part(
        find_leaks,
        writes=(CONTAMINATION,),
        units=units,
        reads=(DOCUMENTS, SPANS),
        extra=context.files(EVALUATION_ITEMS),
    )


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
    items = _read_items(task.inputs[EVALUATION_ITEMS.name])
    names = pc.unique(items.column("set")).sort().to_pylist()
    output.table(
        ITEM_COVERAGE,
        (coverage(n, items.filter(pc.equal(items.column("set"), n)), task.settings["ngrams"]) for n in names),
    )


def _read_items(files: tuple[Path, ...]) -> pa.Table:
    return pa.concat_tables([EVALUATION_ITEMS.schema().empty_table(), *(pq.read_table(path) for path in files)])


@functools.lru_cache(maxsize=1)
def load_index(files: tuple[Path, ...], sets: tuple[str, ...], ngrams: tuple[tuple[str, int], ...]) -> Index:
    """The index of some sets and of n-grams of some, kept for the next part that this process searches."""
    return build_index(_read_items(files), sets=sets, ngrams=ngrams)


def find_leaks(task: Task, output: Output) -> None:
    """Text of evaluation items in one part's clean text, for the sets that are due."""
    [edits] = {tuple(unit["edits"]) for unit in task.units.values()}
    due = [(unit["set"], unit.get("ngram")) for unit in task.units.values()]
    documents = clean_documents(task, edits)
    sets = tuple(name for name, n in due if n is None)
    index = load_index(task.extra, sets, tuple((name, n) for name, n in due if n is not None))
    rows = contamination(documents, index)
    is_ngram = pc.match_substring_regex(rows.column("layer"), "^[0-9]+-gram$")
    for unit, settings in task.units.items():
        n = settings.get("ngram")
        layer = pc.invert(is_ngram) if n is None else pc.equal(rows.column("layer"), f"{n}-gram")
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
