"""Verification: candidates are compared by all shingles of both texts, and what they are to each other is written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.dedup.compared import UNKNOWN, PairBlock, pair_blocks
from midmix.curation.dedup.known import remember
from midmix.curation.dedup.overlap import Bounds, containment_of, count_shared, jaccard_of
from midmix.curation.dedup.places import Places, look_up
from midmix.curation.dedup.radix import number_distinct
from midmix.curation.dedup.stored import StoredShingles
from midmix.tables import APART, PAIRS
from midmix.task import Output, Task

# (offsets, hashes) of the distinct shingles of documents by ordinal, ascending.
ReadShingles = Callable[[npt.NDArray[np.int64]], tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]]

# In alphabetical order, in which the rows of two documents stand.
RELATIONS = ("contained", "contains", "exact", "near", "template", "url")
_CODES = {name: code for code, name in enumerate(RELATIONS)}
_APART = -1
# Shingles that are held at a time to compare by.
_HELD = 1 << 23


def compare_pairs(task: Task, output: Output) -> None:
    """Write PAIRS and APART of a group of parts."""
    settings = task.settings
    places = Places.load(task.folder)
    read = StoredShingles(task.folder, places).read
    bounds = Bounds(settings["jaccard"], settings["containment"])
    for part in settings["parts"]:
        blocks = pair_blocks(
            task.folder,
            places,
            places.span(part),
            containment=bounds.containment,
            memory_bytes=task.memory_bytes,
        )
        found = [_rows(block, compare(block, read, bounds), bounds, places.docs) for block in blocks]
        for table, number in ((PAIRS, 0), (APART, 1)):
            rows = [table.schema().empty_table(), *(tables[number] for tables in found)]
            output.table(table, pa.concat_tables(rows), part=part)
        remember(output, part, settings["compared_by"][str(part)])


def _rows(
    block: PairBlock, shared: npt.NDArray[np.int32], bounds: Bounds, docs: npt.NDArray[np.uint64]
) -> tuple[pa.Table, pa.Table]:
    codes = relations(block, shared, bounds)
    return pair_rows(block, shared, codes, docs), apart_rows(block, codes, docs)


def compare(block: PairBlock, read: ReadShingles, bounds: Bounds) -> npt.NDArray[np.int32]:
    """Shingles that both documents of every pair share, APART where they meet neither bound; the unknown are counted."""
    shared = block.shared.copy()
    open_ = np.flatnonzero(shared == UNKNOWN)
    later, earlier, one, other = (a[open_] for a in (block.later, block.earlier, block.one, block.other))
    least = bounds.least_shared(one, other)
    found = np.empty(len(open_), np.int32)
    for some in _chunks(later, one, other):
        mine, theirs = number_distinct(later[some]), number_distinct(earlier[some])
        count_shared(mine[1], theirs[1], least[some], *read(mine[0]), *read(theirs[0]), found[some])
    shared[open_] = found
    return shared


def _chunks(later: npt.NDArray[np.int64], one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> Iterator[slice]:
    """Slices of pairs whose documents have at most _HELD shingles together, but for one pair that alone has more."""
    opens = np.ones(len(later), np.bool_)
    opens[1:] = later[1:] != later[:-1]
    held = np.cumsum(np.where(opens, one, 0) + other)
    first = 0
    while first < len(later):
        before = held[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(held, before + _HELD, side="right")))
        yield slice(first, last)
        first = last


def relations(block: PairBlock, shared: npt.NDArray[np.int32], bounds: Bounds) -> npt.NDArray[np.int8]:
    """What the compared documents are to each other: place in RELATIONS, -1 where they are apart."""
    codes = np.full(len(shared), _APART, np.int8)
    if bounds.containment is not None:
        inside = (shared >= 0) & (containment_of(shared, block.one, block.other) >= bounds.containment)
        codes[inside & (block.one <= block.other)] = _CODES["contained"]
        codes[inside & (block.one > block.other)] = _CODES["contains"]
    codes[(shared >= 0) & (jaccard_of(shared, block.one, block.other) >= bounds.jaccard)] = _CODES["near"]
    return codes


def pair_rows(
    block: PairBlock, shared: npt.NDArray[np.int32], codes: npt.NDArray[np.int8], docs: npt.NDArray[np.uint64]
) -> pa.Table:
    """Rows of PAIRS of a block, in the order of their keys; `docs` are the keys by ordinal."""
    kept = np.flatnonzero(codes != _APART)
    sizes = (shared[kept], block.one[kept], block.other[kept])
    columns = [(block.later[kept], block.earlier[kept], codes[kept], jaccard_of(*sizes), containment_of(*sizes))]
    for relation, (later, earlier) in block.equals.items():
        value = np.full(len(later), 1.0 if relation == "exact" else np.nan)
        columns.append((later, earlier, np.full(len(later), _CODES[relation], np.int8), value, value))
    later, earlier, relation_codes, jaccard, containment = (np.concatenate(c) for c in zip(*columns, strict=True))
    order = np.lexsort((relation_codes, earlier, later))
    return pa.table(
        {
            "doc": docs[later[order]],
            "earlier": look_up(docs, earlier[order]),
            "relation": pa.array(RELATIONS).take(pa.array(relation_codes[order])),
            "jaccard": _nullable(jaccard[order]),
            "containment": _nullable(containment[order]),
        },
        schema=PAIRS.schema(),
    )


def _nullable(values: npt.NDArray[np.float64]) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def apart_rows(block: PairBlock, codes: npt.NDArray[np.int8], docs: npt.NDArray[np.uint64]) -> pa.Table:
    """Rows of APART of a block, in the order of their keys."""
    apart = codes == _APART
    return pa.table([docs[block.later[apart]], look_up(docs, block.earlier[apart])], schema=APART.schema())
