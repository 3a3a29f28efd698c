"""Documents that may be in an earlier corpus: those that share a key with one there. Exchanged by ranges of keys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from midmix.curation.dedup.candidates import FIRSTS
from midmix.curation.dedup.keys import KEY_BITS
from midmix.curation.dedup.ranges import Range, hash_blocks, read_range, starts_of_equals
from midmix.curation.past.corpora import PLACE_BITS
from midmix.curation.past.keys import text_key_rows
from midmix.table_manifest import load_manifest
from midmix.tables import BANDS, PAST_CANDIDATES, PAST_KEYS, SIGNATURES, Table
from midmix.task import Output, Task

# Pairs that are collected before they are written.
_PAIRS = 1 << 20
Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
# The column of keys of each table that has them.
_KEYS = {BANDS: "band", PAST_KEYS: "key"}


def key_part(task: Task, output: Output) -> None:
    """The keys of one part's whole texts."""
    column = pq.read_table(task.inputs[SIGNATURES.name][0], columns=["clean_hash"], use_threads=False).column(0)
    output.table(PAST_KEYS, text_key_rows(column.combine_chunks()))


def num_keys(folder: Path, *tables: Table) -> int:
    """Rows of tables of keys."""
    return sum(entry.rows for table in tables for entry in load_manifest(folder, table.name).files)


def find_candidates(task: Task, output: Output) -> None:
    """Pair the run's documents with those of an index that share a key of one range."""
    settings = task.settings
    own = _files(task.folder, BANDS, PAST_KEYS)
    past = _files(task.extra[settings["corpus"]], BANDS)
    rows = num_keys(task.folder, BANDS, PAST_KEYS) + num_keys(task.extra[settings["corpus"]], BANDS)
    waiting: list[Pairs] = []
    number = 0
    for block in hash_blocks(Range(*settings["range"]), KEY_BITS, rows, len(own) + len(past), task.memory_bytes):
        waiting.append(join(*_keys_of(own, block), *_keys_of(past, block)))
        if sum(len(places) for places, _ in waiting) >= _PAIRS:
            _write(output, waiting, unit=f"found.{settings['corpus']}", stem=f"{task.item}-{number:04d}")
            waiting, number = [], number + 1
    _write(output, waiting, unit=f"found.{settings['corpus']}", stem=f"{task.item}-{number:04d}")


def _files(folder: Path, *tables: Table) -> list[tuple[int, Path, str]]:
    """(part, file, column of keys) of all files of the tables."""
    return [
        (entry.part, folder / entry.path, _KEYS[table])
        for table in tables
        for entry in load_manifest(folder, table.name).files
        if entry.part is not None
    ]


def _keys_of(files: list[tuple[int, Path, str]], wanted: Range) -> Pairs:
    """(keys, places) of a range."""
    keys, places = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for part, path, column in files:
        found, rows = read_range([path], wanted, [column, "row"])
        keys.append(found)
        places.append(part << PLACE_BITS | rows.astype(np.int64))
    return np.concatenate(keys), np.concatenate(places)


def join(
    keys: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    past_keys: npt.NDArray[np.int64],
    past_places: npt.NDArray[np.int64],
) -> Pairs:
    """(place, place in the index) of every document with the first FIRSTS of the index that share its key, each once."""
    order = np.lexsort((past_places, past_keys))
    past_keys, past_places = past_keys[order], past_places[order]
    first = np.arange(len(past_keys)) - starts_of_equals(past_keys) < FIRSTS
    past_keys, past_places = past_keys[first], past_places[first]
    low = np.searchsorted(past_keys, keys, side="left")
    counts = np.searchsorted(past_keys, keys, side="right") - low
    ends = np.cumsum(counts)
    at = np.arange(counts.sum()) + np.repeat(low - ends + counts, counts)
    return distinct_pairs(np.repeat(places, counts), past_places[at])


def distinct_pairs(places: npt.NDArray[np.int64], past: npt.NDArray[np.int64]) -> Pairs:
    """Each pair once, in order."""
    order = np.lexsort((past, places))
    places, past = places[order], past[order]
    kept = starts_of_equals(places, past) == np.arange(len(places))
    return places[kept], past[kept]


def _write(output: Output, found: list[Pairs], *, unit: str, stem: str = "") -> None:
    none = np.zeros(0, np.int64)
    pairs = distinct_pairs(*(np.concatenate([none, *(pair[side] for pair in found)]) for side in (0, 1)))
    rows = pa.Table.from_arrays([pa.array(column) for column in pairs], schema=PAST_CANDIDATES.schema())
    output.table(PAST_CANDIDATES, rows, unit=unit, stem=stem)


def gather_candidates(task: Task, output: Output) -> None:
    """The candidates of one part: a file of its own that is the same, whatever other parts there are."""
    assert task.part is not None
    for unit, settings in task.units.items():
        _write(output, [read_candidates(task.folder, f"found.{settings['corpus']}", task.part.id)], unit=unit)


def read_candidates(folder: Path, unit: str, part: int) -> Pairs:
    """(places, places in the index) of one part's candidates in the files of a unit."""
    manifest = load_manifest(folder, PAST_CANDIDATES.name)
    files = [folder / entry.path for entry in manifest.files if entry.unit == unit and entry.part in (None, part)]
    wanted = Range(part << PLACE_BITS, part + 1 << PLACE_BITS)
    places, past = read_range(files, wanted, PAST_CANDIDATES.schema().names)
    return places, past
