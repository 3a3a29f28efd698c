"""The whole of pairing over signatures that are held in memory: what the stages of the step find, without a run folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.dedup.candidates import Bucketing, bucket_pairs
from midmix.curation.dedup.compared import UNKNOWN, PairBlock
from midmix.curation.dedup.equals import first_of_equals
from midmix.curation.dedup.keys import salted_keys
from midmix.curation.dedup.overlap import Bounds
from midmix.curation.dedup.places import FACTS, halves
from midmix.curation.dedup.radix import sorted_distinct
from midmix.curation.dedup.ranges import unique_pairs
from midmix.curation.dedup.shingles import shingle
from midmix.curation.dedup.signatures import SignatureSettings, Signed
from midmix.curation.dedup.stored import copy_sets
from midmix.curation.dedup.verify import ReadShingles, compare, pair_rows, relations

# Clean texts of some documents of one part, by their rows: (number of the part, rows ascending) -> texts.
ReadTexts = Callable[[int, npt.NDArray[np.int64]], pa.LargeStringArray]


def pair_documents(
    signed: Sequence[Signed],
    settings: Sequence[SignatureSettings],
    read_texts: ReadTexts,
    bounds: Bounds,
    places: npt.NDArray[np.int64] | None = None,
) -> pa.Table:
    """Rows of PAIRS, without those of URLs and of contained texts, from signatures and settings of every part in order.

    places: rank of each document in survivor order, by default the order that they come in. Keys must ascend.
    """
    rows = pa.concat_tables([part.rows for part in signed])
    count = rows.num_rows
    ordinals = np.arange(count)
    places = ordinals if places is None else places
    high, low = halves(rows["clean_hash"].combine_chunks())
    exact = first_of_equals(high, low, ordinals, places)
    facts = np.zeros(count, FACTS)
    high, low = halves(rows["frame_hash"].combine_chunks())
    facts["frame"], facts["shingles"] = high, rows["num_shingles"].to_numpy()
    facts["place"] = places
    facts["place"][exact[0]] = -1
    originals = np.flatnonzero(facts["place"] >= 0)
    template = first_of_equals(high[originals], low[originals], originals, places[originals])
    later, earlier = _candidates(signed, settings, facts, bounds)
    sizes = facts["shingles"].astype(np.int64)
    unknown = np.full(len(later), UNKNOWN, np.int32)
    block = PairBlock(later, earlier, unknown, sizes[later], sizes[earlier], {"exact": exact, "template": template})
    shared = compare(
        block, _reader(sorted_distinct(np.concatenate([later, earlier])), signed, settings, read_texts), bounds
    )
    return pair_rows(block, shared, relations(block, shared, bounds), rows["doc"].to_numpy())


def _candidates(
    signed: Sequence[Signed], settings: Sequence[SignatureSettings], facts: npt.NDArray[np.void], bounds: Bounds
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    keys, ordinals, first = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], 0
    for part, how in zip(signed, settings, strict=True):
        rows = np.flatnonzero(part.banded & (facts["place"][first : first + len(part.banded)] >= 0))
        keys.append(salted_keys(part.bands[rows].reshape(-1), how))
        ordinals.append(np.repeat(first + rows, part.bands.shape[1]))
        first += len(part.banded)
    found = np.concatenate(ordinals)
    pairs = bucket_pairs(np.concatenate(keys), found, facts["place"][found], facts, Bucketing(bounds.least_ratio, 0))
    sides = np.concatenate([np.zeros((2, 0), np.int64), *(np.stack(some) for some in pairs)], axis=1)
    return unique_pairs(sides[0], sides[1], len(facts))


def _reader(
    needed: npt.NDArray[np.int64],
    signed: Sequence[Signed],
    settings: Sequence[SignatureSettings],
    read_texts: ReadTexts,
) -> ReadShingles:
    """Reads every text that is needed once, and holds its shingles."""
    firsts = np.cumsum([0, *(len(part.banded) for part in signed)])
    limits = np.searchsorted(needed, firsts)
    sizes, hashes = [np.zeros(1, np.int64)], [np.zeros(0, np.uint64)]
    for part in np.flatnonzero(np.diff(limits)).tolist():
        shingles = shingle(read_texts(part, needed[limits[part] : limits[part + 1]] - firsts[part]), settings[part])
        sizes.append(np.diff(shingles.offsets))
        hashes.append(shingles.hashes)
    offsets, held = np.cumsum(np.concatenate(sizes)), np.concatenate(hashes)

    def read(ordinals: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
        at = np.searchsorted(needed, ordinals)
        ends = np.cumsum(np.concatenate([np.zeros(1, np.int64), offsets[at + 1] - offsets[at]]))
        out = np.empty(int(ends[-1]), np.uint64)
        copy_sets(held, offsets[at], offsets[at + 1], out, 0)
        return ends, out

    return read
