"""Candidate pairs, out of core: exact copies, templates, and documents that share a MinHash band.

Only the first copy of a text in survivor order (its original) is compared further. In each band bucket every document
is paired with the first FIRSTS in survivor order, so the work is linear in the size of a bucket. What that misses was
measured: nothing on ordinary text or on 20,000 edited copies of one licence; of dense families of edits near the
threshold 16 firsts drop 894 of 925 and 667 of 682 that all pairs would, 8 firsts 880 of 925. Memory holds one range of
records at a time; the rest lies on disk. Inside dedup a document goes by its ordinal: its place in the order of keys,
which is the order of rows in SIGNATURES and DOCUMENTS.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from midmix.curation.dedup.exchange import Exchange, Workspace
from midmix.curation.dedup.survivors import survivor_query
from midmix.errors import StepError
from midmix.jit import njit

# Documents of a band bucket that each later one is compared with; see above for what fewer would miss.
FIRSTS = 16
# Rows that are read or emitted at a time.
CHUNK_ROWS = 16_384

EXACT, NEAR, APART, TEMPLATE = range(4)
GROUPED = np.dtype([("high", np.uint64), ("low", np.uint64), ("place", np.int64)])
BANDED = np.dtype([("band", np.uint64), ("place", np.int64)])
PAIRED = np.dtype([("later", np.int64), ("earlier", np.int64)])
RELATED = np.dtype([("later", np.int64), ("earlier", np.int64), ("relation", np.uint8), ("jaccard", np.float64)])


@dataclass(frozen=True)
class Order:
    """Documents by ordinal and by place (rank in survivor order), on disk.

    docs: uint64, key of each ordinal; places: int64, place of each ordinal; ordinals: int64, ordinal at each place.
    """

    docs: npt.NDArray[np.uint64]
    places: npt.NDArray[np.int64]
    ordinals: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Texts:
    """What texts are compared by, on disk, by ordinal.

    shingles: int32, distinct shingles; original: int64, ordinal of the first copy of the text; frame: int64, ordinal
    of the first original that differs in numbers alone (itself where there is none).
    """

    shingles: npt.NDArray[np.int32]
    original: npt.NDArray[np.int64]
    frame: npt.NDArray[np.int64]


def read_signatures(files: Sequence[Path], columns: Sequence[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """(ordinal of the first row, rows) of SIGNATURES, in the order of keys."""
    first = 0
    for path in files:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(CHUNK_ROWS, columns=list(columns), use_threads=False):
                yield first, batch
                first += len(batch)


def load_order(connection: duckdb.DuckDBPyConnection, inputs: dict[str, tuple[Path, ...]], work: Workspace) -> Order:
    """The survivor order of all documents. `inputs` has the files of SIGNATURES, DOCUMENTS, PARTS and SOURCES."""
    count = sum(pq.read_metadata(path).num_rows for path in inputs["signatures"])
    docs = work.array("docs", np.uint64, count)
    for first, batch in read_signatures(inputs["signatures"], ["doc"]):
        docs[first : first + len(batch)] = batch["doc"].to_numpy()
    places = work.array("places", np.int64, count)
    ordinals = work.array("ordinals", np.int64, count)
    query = survivor_query(documents=inputs["documents"], parts=inputs["parts"], sources=inputs["sources"])
    place = 0
    for batch in connection.sql(query).to_arrow_reader(CHUNK_ROWS):
        keys = batch["doc"].to_numpy()
        found = np.searchsorted(docs, keys)
        if (found >= count).any() or (docs[found] != keys).any():
            raise StepError("documents and signatures do not list the same keys. Run from 'dedup' again with --rerun.")
        ordinals[place : place + len(found)] = found
        places[found] = np.arange(place, place + len(found))
        place += len(found)
    if place != count:
        raise StepError(f"{place} documents, but {count} signatures. Run from 'dedup' again with --rerun.")
    return Order(docs, places, ordinals)


def _first_of_equals(
    hashes: Exchange, order: Order, out: npt.NDArray[np.int64]
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Set out[ordinal] to the ordinal of the first document of equal hash; the others as (later, first) ordinals."""
    carried = np.zeros(0, GROUPED)  # the first of the last hash, whose others may come in the next range
    for records in hashes.sorted_ranges():
        records = np.concatenate([carried, records])
        opens = np.ones(len(records), np.bool_)
        opens[1:] = (records["high"][1:] != records["high"][:-1]) | (records["low"][1:] != records["low"][:-1])
        starts = np.maximum.accumulate(np.where(opens, np.arange(len(records)), 0))
        ordinals = order.ordinals[records["place"]]
        firsts = ordinals[starts]
        out[ordinals] = firsts
        carried = records[starts[-1:]]
        yield ordinals[~opens], firsts[~opens]


def _halves(hashes: pa.Array) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    buffer = np.frombuffer(hashes.buffers()[1], np.uint64)[2 * hashes.offset : 2 * (hashes.offset + len(hashes))]
    return buffer[0::2], buffer[1::2]


def group_texts(signatures: Sequence[Path], order: Order, related: Exchange, work: Workspace) -> Texts:
    """Find copies and texts that differ in numbers alone; their pairs go to `related` as EXACT and TEMPLATE."""
    count = len(order.docs)
    texts = Texts(
        shingles=work.array("shingles", np.int32, count),
        original=work.array("original", np.int64, count),
        frame=work.array("frame", np.int64, count),
    )
    clean = work.exchange("clean", GROUPED, 2**64)
    for first, batch in read_signatures(signatures, ["clean_hash", "num_shingles"]):
        texts.shingles[first : first + len(batch)] = batch["num_shingles"].to_numpy()
        clean.append(*_halves(batch["clean_hash"]), order.places[first : first + len(batch)])
    for later, first_copy in _first_of_equals(clean, order, texts.original):
        related.append(later, first_copy, np.full(len(later), EXACT), np.ones(len(later)))
    frames = work.exchange("frames", GROUPED, 2**64)
    for first, batch in read_signatures(signatures, ["frame_hash"]):
        here = np.arange(first, first + len(batch))
        originals = texts.original[here] == here
        high, low = _halves(batch["frame_hash"])
        frames.append(high[originals], low[originals], order.places[here[originals]])
    for later, first_frame in _first_of_equals(frames, order, texts.frame):
        related.append(later, first_frame, np.full(len(later), TEMPLATE), np.full(len(later), np.nan))
    return texts


@njit
def pair_up(
    documents: npt.NDArray[np.int64],
    bucket_starts: npt.NDArray[np.int64],
    first: int,
    last: int,
    shingles: npt.NDArray[np.int32],
    frame: npt.NDArray[np.int64],
    threshold: float,
    out: npt.NDArray[np.int64],
) -> int:
    """Write (later, earlier) ordinals of records first..last with the FIRSTS of their buckets; the number.

    Left out: texts that differ in numbers alone, and pairs whose sizes rule the threshold out.
    """
    count = 0
    for i in range(first, last):
        start = bucket_starts[i]
        for j in range(start, min(start + FIRSTS, i)):
            later, earlier = documents[i], documents[j]
            small = min(shingles[later], shingles[earlier])
            large = max(shingles[later], shingles[earlier])
            if frame[later] != frame[earlier] and small / large >= threshold:
                out[count, 0] = later
                out[count, 1] = earlier
                count += 1
    return count


def find_candidates(
    signatures: Sequence[Path], order: Order, texts: Texts, threshold: float, work: Workspace
) -> Exchange:
    """Pairs (later, earlier) of originals that share a band, as ordinals; a pair of several bands comes several times."""
    banded = work.exchange("bands", BANDED, 2**64)
    for first, batch in read_signatures(signatures, ["bands"]):
        here = np.arange(first, first + len(batch))
        lengths = np.where(texts.original[here] == here, batch["bands"].value_lengths().to_numpy(), 0)
        chosen = np.repeat(texts.original[here] == here, batch["bands"].value_lengths().to_numpy())
        values = batch["bands"].flatten().to_numpy().view(np.uint64)
        banded.append(values[chosen], np.repeat(order.places[here], lengths))
    found = work.exchange("found", PAIRED, len(order.docs))
    out = np.empty((CHUNK_ROWS * FIRSTS, 2), np.int64)
    carried = np.zeros(0, BANDED)  # the firsts of the last bucket, which the next range may go on with
    for records in banded.sorted_ranges():
        records = np.concatenate([carried, records])
        documents = order.ordinals[records["place"]]
        opens = np.ones(len(records), np.bool_)
        opens[1:] = records["band"][1:] != records["band"][:-1]
        starts = np.maximum.accumulate(np.where(opens, np.arange(len(records)), 0))
        for first in range(len(carried), len(records), CHUNK_ROWS):
            last = min(first + CHUNK_ROWS, len(records))
            count = pair_up(documents, starts, first, last, texts.shingles, texts.frame, threshold, out)
            found.append(out[:count, 0], out[:count, 1])
        carried = records[starts[-1] :][:FIRSTS].copy() if len(records) else carried
    return found
