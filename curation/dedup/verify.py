"""Verification: the true Jaccard of candidate pairs, from their texts.

Each candidate's text is read once, part by part; its shingles go to a file on disk, from which pairs are compared.
What an earlier run verified, on documents whose signatures have not changed since, is not read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from midmix.curation.dedup.candidates import APART, CHUNK_ROWS, NEAR, Order
from midmix.curation.dedup.exchange import Exchange, Workspace
from midmix.curation.dedup.shingles import Shingles, shingle, text_batches
from midmix.jit import njit
from midmix.tables import PAIRS

# Clean text of some documents of one part: (part id, keys ascending) -> texts.
ReadTexts = Callable[[int, npt.NDArray[np.uint64]], pa.LargeStringArray]

# Names of EXACT, NEAR, APART and TEMPLATE.
RELATIONS = ("exact", "near", "apart", "template")
KNOWN = np.dtype([("later", np.int64), ("earlier", np.int64), ("jaccard", np.float64)])


def recall_verified(pairs: Sequence[Path], unchanged: Sequence[int], order: Order, work: Workspace) -> Exchange:
    """(later, earlier, Jaccard) of the pairs in files of an earlier PAIRS, as ordinals in today's survivor order.

    Only documents of `unchanged` parts count: those whose signatures are what they were then.
    """
    known = work.exchange("known", KNOWN, len(order.docs))
    still = np.array(sorted(unchanged), np.uint64)
    for path in pairs if len(still) else ():
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(CHUNK_ROWS, use_threads=False):
                batch = batch.filter(pc.is_in(batch["relation"], pa.array(["near", "apart"])))
                sides = np.stack([batch["doc"].to_numpy(), batch["earlier"].to_numpy()])
                kept = np.isin(sides >> np.uint64(32), still).all(axis=0)
                ordinals = np.searchsorted(order.docs, sides[:, kept])
                swap = order.places[ordinals[0]] < order.places[ordinals[1]]
                later, earlier = np.where(swap, ordinals[::-1], ordinals)
                known.append(later, earlier, batch["jaccard"].to_numpy()[kept])
    return known


class _Lookup:
    """Jaccards of known pairs, asked for in ascending order of (later, earlier); holds one range at a time."""

    def __init__(self, known: Exchange, count: int) -> None:
        self._ranges = known.sorted_ranges()
        self._count = count
        self._ids = np.zeros(0, np.int64)
        self._values = np.zeros(0)

    def find(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Jaccard of each pair `later * count + earlier`, NaN where it is not known."""
        values = np.full(len(ids), np.nan)
        done = 0
        while done < len(ids):
            covered = int(np.searchsorted(ids, self._ids[-1], side="right")) if len(self._ids) else 0
            if covered > done:
                asked = ids[done:covered]
                at = np.searchsorted(self._ids, asked)
                values[done:covered] = np.where(self._ids[at] == asked, self._values[at], np.nan)
                done = covered
            elif (records := next(self._ranges, None)) is None:
                break
            else:
                self._ids = records["later"] * self._count + records["earlier"]
                self._values = records["jaccard"]
        return values


def split_known(
    candidates: Exchange,
    known: Exchange,
    related: Exchange,
    waiting: Exchange,
    *,
    threshold: float,
    needed: npt.NDArray[np.bool_],
) -> None:
    """Unique candidates: known ones go to `related`, the others to `waiting`, with their documents marked `needed`."""
    count = len(needed)
    remembered = _Lookup(known, count)
    for records in candidates.sorted_ranges():
        ids = np.unique(records["later"] * count + records["earlier"])
        values = remembered.find(ids)
        later, earlier = np.divmod(ids, max(1, count))
        found = ~np.isnan(values)
        _relate(related, later[found], earlier[found], values[found], threshold)
        waiting.append(later[~found], earlier[~found])
        needed[later[~found]] = True
        needed[earlier[~found]] = True


def _relate(
    related: Exchange,
    later: npt.NDArray[np.int64],
    earlier: npt.NDArray[np.int64],
    jaccard: npt.NDArray[np.float64],
    threshold: float,
) -> None:
    related.append(later, earlier, np.where(jaccard >= threshold, NEAR, APART), jaccard)


def verify(
    waiting: Exchange,
    related: Exchange,
    read_texts: ReadTexts,
    order: Order,
    work: Workspace,
    *,
    needed: npt.NDArray[np.bool_],
    ngram: int,
    threshold: float,
) -> None:
    """Compare the `waiting` pairs by their texts; results go to `related`.

    The workspace takes 8 bytes per shingle of every needed document.
    """
    starts = work.array("starts", np.int64, len(needed))
    sizes = work.array("sizes", np.int64, len(needed))
    stored = work.folder / "hashes"
    filled = 0
    with stored.open("wb") as file:
        for part, ordinals in _needed_by_part(needed, order.docs):
            texts = read_texts(part, order.docs[ordinals])
            for some in text_batches(texts):
                shingles = shingle(texts[some], ngram)
                starts[ordinals[some]] = filled + shingles.offsets[:-1]
                sizes[ordinals[some]] = np.diff(shingles.offsets)
                shingles.hashes.tofile(file)
                filled += len(shingles.hashes)
    hashes = np.asarray(np.memmap(stored, np.uint64, "r+")) if filled else np.zeros(0, np.uint64)
    for records in waiting.sorted_ranges():
        later, earlier = records["later"].copy(), records["earlier"].copy()
        _relate(related, later, earlier, _jaccards(later, earlier, starts, sizes, hashes), threshold)


def _needed_by_part(
    needed: npt.NDArray[np.bool_], docs: npt.NDArray[np.uint64]
) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """(part, ordinals of its needed documents), for parts that have any; documents of a part are consecutive."""
    first = 0
    while first < len(docs):
        part = int(docs[first]) >> 32
        last = int(np.searchsorted(docs, np.uint64((part + 1) << 32)))
        ordinals = first + np.flatnonzero(needed[first:last])
        if len(ordinals):
            yield part, ordinals
        first = last


@njit
def _jaccards(
    later: npt.NDArray[np.int64],
    earlier: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    hashes: npt.NDArray[np.uint64],
) -> npt.NDArray[np.float64]:
    """Jaccard of the shingle sets of each pair; a document's set is hashed once for a run of its pairs."""
    out = np.zeros(later.size)
    largest = 16
    for i in range(later.size):
        while largest < 2 * sizes[later[i]]:
            largest *= 2
    table = np.empty(largest, np.uint64)
    size = 16
    for i in range(later.size):
        mine, other = later[i], earlier[i]
        if i == 0 or later[i - 1] != mine:
            size = 16
            while size < 2 * sizes[mine]:
                size *= 2
            table[:size] = 0
            for k in range(starts[mine], starts[mine] + sizes[mine]):
                slot = np.int64(hashes[k] >> np.uint64(20)) & (size - 1)
                while table[slot] != 0:
                    slot = (slot + 1) & (size - 1)
                table[slot] = hashes[k]
        both = 0
        for k in range(starts[other], starts[other] + sizes[other]):
            slot = np.int64(hashes[k] >> np.uint64(20)) & (size - 1)
            while table[slot] != 0 and table[slot] != hashes[k]:
                slot = (slot + 1) & (size - 1)
            both += table[slot] != 0
        either = sizes[mine] + sizes[other] - both
        out[i] = both / either if either else 0.0
    return out


def jaccards(sets: Shingles, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """True Jaccard of pairs int64 [n, 2] of documents of `sets`; 0 where both are empty."""
    later, earlier = np.ascontiguousarray(pairs.T)
    return np.asarray(_jaccards(later, earlier, sets.offsets[:-1], np.diff(sets.offsets), sets.hashes))


def pair_rows(related: Exchange, order: Order) -> Iterator[pa.Table]:
    """Rows of PAIRS in the order of their keys; `related` is used up."""
    for records in related.sorted_ranges():
        columns = [
            pa.array(order.docs[records["later"]]),
            pa.array(order.docs[records["earlier"]]),
            pa.array(RELATIONS).take(pa.array(records["relation"])),
            pa.array(records["jaccard"], mask=np.isnan(records["jaccard"])),
        ]
        yield pa.table(columns, schema=PAIRS.schema())
