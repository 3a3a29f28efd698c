"""The decontaminate step: EVALUATION_ITEMS of every set that the config names, then CONTAMINATION per part and set.

Each set is a unit of its own, so a new benchmark is searched for without looking for the old ones again; the text of
a part is read once for all sets that are due. It drops nothing; `decide` does.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from midmix.curation.clean import clean_documents
from midmix.curation.decontaminate.index import Index, build_index, set_grams
from midmix.curation.decontaminate.items import item_rows
from midmix.curation.decontaminate.search import leaks
from midmix.errors import ConfigError, InputError
from midmix.step import Context
from midmix.tables import CONTAMINATION, DOCUMENTS, EVALUATION_ITEMS, SPANS
from midmix.task import Output, Task

VERSION = 1


def run(context: Context) -> None:
    """Write EVALUATION_ITEMS and CONTAMINATION of the run."""
    sets = {name: (role, context.config.resolve(path)) for name, (role, path) in context.config.evaluation_sets.items()}
    rule = {"ngram": context.config.leaks.ngram, "min_words": context.config.leaks.min_words}
    digests = {name: _digest(location) for name, (_, location) in sets.items()}
    context.gather(
        write_items,
        writes=(EVALUATION_ITEMS,),
        settings=rule | {"sets": {name: [sets[name][0], digests[name]] for name in sorted(sets)}},
        extra={name: location for name, (_, location) in sets.items()},
    )
    edits = sorted(context.config.edits)
    context.per_part(
        find_leaks,
        writes=(CONTAMINATION,),
        units={name: rule | {"edits": edits, "items": digests[name]} for name in sets},
        reads=(DOCUMENTS, SPANS),
        extra=context.files(EVALUATION_ITEMS),
    )


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
    settings, locations = task.settings, task.extra

    def rows() -> Iterator[pa.Table]:
        for name, (role, _) in settings["sets"].items():
            yield from item_rows(name, role, locations[name], ngram=settings["ngram"], min_words=settings["min_words"])

    output.table(EVALUATION_ITEMS, rows())


@functools.lru_cache(maxsize=1)
def load_index(files: tuple[Path, ...], names: tuple[str, ...], ngram: int, min_words: int) -> Index:
    """The index of some sets, kept for the next part that this process searches."""
    tables = [pq.read_table(path, columns=["set", "item", "question", "answer"]) for path in files]
    items = pa.concat_tables(tables)
    grams = {name: set_grams(items.filter(pc.equal(items.column("set"), name)), ngram, min_words) for name in names}
    return build_index(grams, min(ngram, min_words))


def find_leaks(task: Task, output: Output) -> None:
    """Text of evaluation items in one part's clean text, for the sets that are due."""
    [(ngram, min_words, edits)] = {(u["ngram"], u["min_words"], tuple(u["edits"])) for u in task.units.values()}
    documents = clean_documents(task, edits)
    index = load_index(task.extra, tuple(task.units), ngram, min_words)
    for name, rows in leaks(documents.keys, documents.texts, index, ngram).items():
        output.table(CONTAMINATION, rows, unit=name)
    output.read_text(documents.num_bytes)
    output.count(documents.source, len(documents.keys), len(documents.keys))
