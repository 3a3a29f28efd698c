"""Candidate pairs: documents that share a MinHash band, or shingles of their sketches. Exchanged by ranges of these.

Only the first copy of a text in survivor order takes part. In each bucket every document is paired with the first
FIRSTS in survivor order, so the work is linear in the size of a bucket. What that misses was measured: nothing on
ordinary text or on 20,000 edited copies of one licence; of dense families of edits near the threshold 16 firsts drop
894 of 925 and 667 of 682 that all pairs would, 8 firsts 880 of 925.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.dedup.keys import KEY_BITS
from midmix.curation.dedup.places import Places, look_up
from midmix.curation.dedup.ranges import (
    Range,
    SortedFiles,
    hash_blocks,
    repeated,
    starts_of_equals,
    unique_pairs,
)
from midmix.jit import njit
from midmix.table_manifest import load_manifest
from midmix.tables import CANDIDATES
from midmix.task import Output, Task

# Documents of a bucket that each later one is compared with; see above for what fewer would miss.
FIRSTS = 16
# Members of buckets that pairs are made of at a time.
_MEMBERS = 1 << 15
# Pairs that are collected before they are written: more where there are many parts, which would else open many files.
_PAIRS, _PAIRS_PER_FILE, _PAIR_BYTES = 1 << 18, 1 << 13, 256
Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
# Pairs and how often each was found.
Counted = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int32]]


@dataclass(frozen=True)
class Bucketing:
    """What makes documents that share a key candidates.

    sizes_ratio: least share of the smaller size in the larger one, 0 for any; most: buckets of more documents say nothing, 0 for none.
    """

    sizes_ratio: float
    most: int


def pair_buckets(task: Task, output: Output) -> None:
    """Pair the documents that share a key of one range of BANDS or SKETCHES."""
    places = Places.load(task.folder)
    settings = task.settings
    bucketing = Bucketing(settings["sizes_ratio"], settings["most"])
    manifest = load_manifest(task.folder, settings["table"])
    entries = [entry for entry in manifest.files if entry.part is not None]
    spans = [places.span(entry.part) for entry in entries if entry.part is not None]
    blocks = hash_blocks(
        Range(*settings["range"]), KEY_BITS, sum(e.rows for e in entries), len(entries), task.memory_bytes
    )
    most = min(max(_PAIRS, len(entries) * _PAIRS_PER_FILE), task.memory_bytes // _PAIR_BYTES)
    with SortedFiles([task.folder / entry.path for entry in entries]) as files:
        found = (
            pairs
            for block in blocks
            for pairs in _pairs_of_block(files, spans, block, settings["key"], places.facts, bucketing)
        )
        for number, run in enumerate(_sorted_runs(found, places.count, most, count_times=settings["count"])):
            rows = pa.Table.from_arrays([pa.array(column) for column in run], schema=CANDIDATES.schema())
            output.table(CANDIDATES, rows, unit=settings["table"], stem=f"{task.item}-{number:04d}")


def _pairs_of_block(
    files: SortedFiles, spans: Sequence[Range], wanted: Range, key: str, facts: npt.NDArray[Any], bucketing: Bucketing
) -> Iterator[Pairs]:
    parts = [(np.zeros(0, np.int64),) * 3]
    for span, (keys, rows) in zip(spans, files.read_each(wanted, [key, "row"]), strict=True):
        place = facts["place"][span.low : span.high][rows]
        kept = place >= 0
        parts.append((keys[kept], span.low + rows[kept].astype(np.int64), place[kept]))
    keys, ordinals, places = (np.concatenate(column) for column in zip(*parts, strict=True))
    yield from bucket_pairs(keys, ordinals, places, facts, bucketing)


def bucket_pairs(
    keys: npt.NDArray[np.int64],
    ordinals: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    facts: npt.NDArray[Any],
    bucketing: Bucketing,
) -> Iterator[Pairs]:
    """(later, earlier) ordinals of documents that share a key, a pair once per key, some at a time."""
    chosen, keys = repeated(keys)
    order = np.lexsort((places[chosen], keys))
    ordinals, starts = ordinals[chosen][order], starts_of_equals(keys[order])
    if bucketing.most:
        small = np.bincount(starts, minlength=len(starts))[starts] <= bucketing.most
        ordinals, keys = ordinals[small], keys[order][small]
        starts = starts_of_equals(keys)
    known = look_up(facts, ordinals)
    sizes, frames = known["shingles"].copy(), known["frame"].copy()
    out = np.empty((2, min(_MEMBERS, len(ordinals)) * FIRSTS), np.int64)
    for first in range(0, len(ordinals), _MEMBERS):
        last = min(first + _MEMBERS, len(ordinals))
        count = _pair_up(ordinals, starts, first, last, sizes, frames, bucketing.sizes_ratio, out)
        yield out[0, :count], out[1, :count]


@njit
def _pair_up(
    documents: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
    first: int,
    last: int,
    sizes: npt.NDArray[np.int32],
    frames: npt.NDArray[np.int64],
    sizes_ratio: float,
    out: npt.NDArray[np.int64],
) -> int:
    """Write (later, earlier) of members first..last with the FIRSTS of their buckets; the number.

    Left out: texts that differ in numbers alone, and pairs whose sizes rule the threshold out.
    """
    count = 0
    for i in range(first, last):
        for j in range(starts[i], min(starts[i] + FIRSTS, i)):
            small = min(sizes[i], sizes[j])
            large = max(sizes[i], sizes[j])
            if frames[i] != frames[j] and small / large >= sizes_ratio:
                out[0, count] = documents[i]
                out[1, count] = documents[j]
                count += 1
    return count


def _sorted_runs(found: Iterator[Pairs], count: int, most: int, *, count_times: bool) -> Iterator[Counted]:
    """The pairs in sorted runs of about `most`, each once in a run; at least one run.

    With how often a pair was found, if that counts, else 0.
    """
    none = np.zeros(0, np.int64)
    waiting: list[Counted] = [(none, none, none.astype(np.int32))]
    rows = runs = 0
    for later, earlier in found:
        waiting.append((later.copy(), earlier.copy(), np.full(len(later), count_times, np.int32)))
        rows += len(later)
        if rows < most:
            continue
        waiting = [_merged(waiting, count, count_times=count_times)]
        rows = len(waiting[0][0])
        if rows > most // 2:
            yield waiting[0]
            waiting, rows, runs = [], 0, runs + 1
    if rows or not runs:
        yield _merged(waiting, count, count_times=count_times)


def _merged(waiting: Sequence[Counted], count: int, *, count_times: bool) -> Counted:
    later, earlier, times = (np.concatenate(column) for column in zip(*waiting, strict=True))
    if not count_times:
        later, earlier = unique_pairs(later, earlier, count)
        return later, earlier, np.zeros(len(later), np.int32)
    order = np.lexsort((earlier, later))
    later, earlier, times = later[order], earlier[order], times[order]
    starts = np.flatnonzero(starts_of_equals(later, earlier) == np.arange(len(later)))
    sums = np.add.reduceat(times, starts).astype(np.int32) if len(starts) else times
    return later[starts], earlier[starts], sums
