"""Documents that are equal in something whole: text, frame or URL. Exchanged by ranges of its hash.

Each is paired with the first document of all that it equals, in survivor order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from midmix.curation.dedup.places import Places, halves
from midmix.curation.dedup.ranges import Range, SortedFiles, hash_blocks, repeated, starts_of_equals
from midmix.table_files import read_file
from midmix.table_manifest import load_manifest
from midmix.tables import CANDIDATES, DOCUMENTS, HASH, SIGNATURES, TEXT_KEYS
from midmix.task import Output, Task

# Relation of PAIRS to the unit of TEXT_KEYS whose equality makes it.
EQUALS = {"exact": "text", "template": "frame", "url": "url"}
_HASHES = {"text": "clean_hash", "frame": "frame_hash"}
# Bits of the half of a hash that its files are sorted by.
HASH_BITS = 64
Firsts = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def key_part(task: Task, output: Output) -> None:
    """Write the hashes of one part's documents in their order, one file per unit to be done."""
    for unit in task.units:
        hashes, rows = _hashes(task, unit)
        high, low = halves(hashes)
        order = np.argsort(high, kind="stable")
        columns = [pa.array(high[order]), pa.array(low[order]), pa.array(rows[order])]
        output.table(TEXT_KEYS, pa.Table.from_arrays(columns, schema=TEXT_KEYS.schema()), unit=unit)


def _hashes(task: Task, unit: str) -> tuple[pa.Array, npt.NDArray[np.int32]]:
    """(128-bit hashes, rows that have one)."""
    if unit in _HASHES:
        hashes = _column(task.inputs[SIGNATURES.name], _HASHES[unit])
        return hashes, np.arange(len(hashes), dtype=np.int32)
    urls = _column(task.inputs[DOCUMENTS.name], "url")
    rows = np.flatnonzero(pc.is_valid(urls).to_numpy(zero_copy_only=False)).astype(np.int32)
    digests = b"".join(hashlib.blake2b(url.encode(), digest_size=16).digest() for url in urls.drop_null().to_pylist())
    return pa.FixedSizeBinaryArray.from_buffers(HASH, len(rows), [None, pa.py_buffer(digests)]), rows


def _column(files: Sequence[Path], name: str) -> pa.Array:
    schema = (SIGNATURES if name in _HASHES.values() else DOCUMENTS).schema()
    tables = [read_file(path, [name]) for path in files]
    return pa.concat_tables([schema.empty_table().select([name]), *tables]).column(0).combine_chunks()


def pair_equals(task: Task, output: Output) -> None:
    """Pair the documents of one range of hashes with the first that each equals."""
    places = Places.load(task.folder)
    relation, wanted = task.settings["relation"], Range(*task.settings["range"])
    manifest = load_manifest(task.folder, TEXT_KEYS.name).of_units([EQUALS[relation]])
    entries = [entry for entry in manifest.files if entry.part is not None]
    spans = [places.span(entry.part) for entry in entries if entry.part is not None]
    # Of texts that differ in numbers or names alone only the first copy of each counts.
    place = places.facts["place"] if relation == "template" else places.places
    blocks = hash_blocks(wanted, HASH_BITS, sum(entry.rows for entry in entries), len(entries), task.memory_bytes)
    with SortedFiles([task.folder / entry.path for entry in entries]) as files:
        found = [_first_of_block(files, spans, block, place) for block in blocks]
    later, earlier = (np.concatenate(side) for side in zip(*found, strict=True))
    order = np.argsort(later)
    columns = [pa.array(later[order]), pa.array(earlier[order]), pa.array(np.zeros(len(order), np.int32))]
    output.table(CANDIDATES, pa.Table.from_arrays(columns, schema=CANDIDATES.schema()), unit=relation)


def _first_of_block(files: SortedFiles, spans: Sequence[Range], wanted: Range, place: npt.NDArray[np.int64]) -> Firsts:
    parts = [(np.zeros(0, np.int64),) * 4]
    for span, (high, low, rows) in zip(spans, files.read_each(wanted, ["high", "low", "row"]), strict=True):
        found = place[span.low : span.high][rows]
        kept = found >= 0
        parts.append((high[kept], low[kept], span.low + rows[kept].astype(np.int64), found[kept]))
    high, low, ordinals, places = (np.concatenate(column) for column in zip(*parts, strict=True))
    return first_of_equals(high, low, ordinals, places)


def first_of_equals(
    high: npt.NDArray[np.int64],
    low: npt.NDArray[np.int64],
    ordinals: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
) -> Firsts:
    """(later, first) ordinals: every document but the first of those whose hashes (high, low) are equal, by place."""
    chosen, high = repeated(high)
    low, ordinals, places = low[chosen], ordinals[chosen], places[chosen]
    order = np.lexsort((places, low, high))
    starts = starts_of_equals(high[order], low[order])
    ordinals = ordinals[order]
    later = starts != np.arange(len(starts))
    return ordinals[later], ordinals[starts[later]]
