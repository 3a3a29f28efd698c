"""Pairs of some documents: what the stages before found, put together, and what is still to be compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from midmix.curation.dedup.places import Places, look_up
from midmix.curation.dedup.radix import number_distinct, sorted_distinct
from midmix.curation.dedup.ranges import Range, SortedFiles, row_blocks
from midmix.curation.dedup.sketches import enough_shared
from midmix.table_manifest import load_manifest
from midmix.tables import BANDS, CANDIDATES, SKETCHES

# What stands for the count of shared shingles of a pair that was not compared yet.
UNKNOWN = -2
_COLUMNS = ("later", "earlier", "shared")
_EQUALS = ("exact", "template", "url")
# Bytes that a candidate takes while pairs are put together.
_ROW_BYTES = 128


@dataclass(frozen=True)
class PairBlock:
    """Pairs of consecutive documents, each once, in order.

    later, earlier: int64, ordinals; shared: int32, shingles of both where known, APART or UNKNOWN; one, other: int64,
    distinct shingles of either; equals: relation to (later, earlier) of documents that are equal in something whole.
    """

    later: npt.NDArray[np.int64]
    earlier: npt.NDArray[np.int64]
    shared: npt.NDArray[np.int32]
    one: npt.NDArray[np.int64]
    other: npt.NDArray[np.int64]
    equals: dict[str, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]


def pair_blocks(
    folder: Path, places: Places, wanted: Range, *, containment: float | None, memory_bytes: int
) -> Iterator[PairBlock]:
    """The pairs whose later document is one of the ordinals `wanted`, block by block."""
    manifest = load_manifest(folder, CANDIDATES.name)
    by_unit: dict[str, list[Path]] = {unit: [] for unit in (BANDS.name, SKETCHES.name, "known", *_EQUALS)}
    for entry in manifest.files:
        by_unit[entry.unit].append(folder / entry.path)
    with ExitStack() as stack:
        files = {unit: stack.enter_context(SortedFiles(paths)) for unit, paths in by_unit.items()}
        rows = sum(some.rows_in(wanted) for some in files.values())
        for block in row_blocks(wanted, rows, len(manifest.files), memory_bytes // 2 // _ROW_BYTES):
            yield _block(files, places, block, containment)


def _block(files: dict[str, SortedFiles], places: Places, wanted: Range, containment: float | None) -> PairBlock:
    def read(unit: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        later, earlier, shared = files[unit].read(wanted, _COLUMNS)
        return later, earlier, shared

    def ids(later: npt.NDArray[np.int64], earlier: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.asarray((later - wanted.low) * places.count + earlier)

    found = sorted_distinct(ids(*read(BANDS.name)[:2]))
    if containment is not None:
        later, earlier, shared = read(SKETCHES.name)
        sketched, which = number_distinct(ids(later, earlier))
        sums = np.bincount(which, shared, len(sketched)).astype(np.int64)
        one, other = _sizes(places, *_pairs(sketched, wanted, places.count))
        enough = enough_shared(sums, one, other, containment)
        found = sorted_distinct(np.concatenate([found, sketched[enough]]))
    before = read("known")
    known = ids(*before[:2])
    shared = np.full(len(found), UNKNOWN, np.int32)
    if len(known):
        at = np.minimum(np.searchsorted(known, found), len(known) - 1)
        shared = np.where(known[at] == found, before[2][at], shared).astype(np.int32)
    later, earlier = _pairs(found, wanted, places.count)
    one, other = _sizes(places, later, earlier)
    equals = {relation: read(relation)[:2] for relation in _EQUALS}
    return PairBlock(later, earlier, shared, one, other, equals)


def _pairs(
    ids: npt.NDArray[np.int64], wanted: Range, count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    later, earlier = np.divmod(ids, max(1, count))
    return later + wanted.low, earlier


def _sizes(
    places: Places, later: npt.NDArray[np.int64], earlier: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    sizes = places.facts["shingles"]
    return sizes[later].astype(np.int64), look_up(sizes, earlier).astype(np.int64)
