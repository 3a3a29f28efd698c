"""Candidates are compared with the index: exact by the hash of the text, near by true Jaccard. Their text alone is read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from midmix.curation.clean import clean_rows
from midmix.curation.dedup.overlap import Bounds, count_shared, jaccard_of
from midmix.curation.dedup.places import halves
from midmix.curation.dedup.radix import number_distinct, sorted_distinct
from midmix.curation.dedup.shingles import shingle
from midmix.curation.dedup.signatures import SignatureSettings
from midmix.curation.past.candidates import read_candidates
from midmix.curation.past.corpora import Corpus
from midmix.curation.past.folded import Folded, fold
from midmix.parts import ROW_MASK
from midmix.tables import PAST_PAIRS, SIGNATURES, SPANS
from midmix.task import Output, Task

# Shingles of an index that are held at a time.
_HELD = 1 << 23


@dataclass(frozen=True)
class Candidates:
    """Pairs of a part with one index: rows of the part's signatures; places, keys and num_shingles there; is_exact."""

    corpus: Corpus
    rows: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    keys: npt.NDArray[np.uint64]
    num_shingles: npt.NDArray[np.int64]
    is_exact: npt.NDArray[np.bool_]

    @property
    def is_open(self) -> npt.NDArray[np.bool_]:
        """Pairs that are to be compared: those of documents without an exact copy."""
        return ~np.isin(self.rows, self.rows[self.is_exact])


def compare_part(task: Task, output: Output) -> None:
    """Write PAST_PAIRS of one part, a file per corpus."""
    assert task.part is not None
    (path,) = task.inputs[SIGNATURES.name]
    signatures = pq.read_table(path, columns=["doc", "clean_hash"], use_threads=False)
    keys, hashes = signatures["doc"].to_numpy(), np.stack(halves(signatures["clean_hash"].combine_chunks()))
    found = {unit: _candidates(task, settings, hashes) for unit, settings in task.units.items()}
    needed = sorted_distinct(np.concatenate([some.rows[some.is_open] for some in found.values()]))
    own = _own_shingles(task, keys[needed], output)
    for unit, some in found.items():
        settings = task.units[unit]
        jaccard = np.where(some.is_exact, 1.0, 0.0)
        jaccard[some.is_open] = _jaccards(some, needed, own, settings["jaccard"])
        output.table(PAST_PAIRS, _rows(some, keys, jaccard, settings), unit=unit)


def _candidates(task: Task, settings: dict[str, Any], hashes: npt.NDArray[np.int64]) -> Candidates:
    assert task.part is not None
    corpus = Corpus(task.extra[settings["corpus"]], settings["index"])
    rows, past = read_candidates(task.folder, f"candidates.{settings['corpus']}", task.part.id)
    rows = rows & ROW_MASK
    places, which = number_distinct(past)
    facts = corpus.facts(places)
    is_exact = (hashes[:, rows] == facts.hashes[:, which]).all(axis=0)
    return Candidates(corpus, rows, past, facts.keys[which], facts.num_shingles[which], is_exact)


def _own_shingles(task: Task, keys: npt.NDArray[np.uint64], output: Output) -> Folded:
    assert task.part is not None
    settings = next(iter(task.units.values()))
    if not len(keys):
        return Folded.concat([])
    texts = clean_rows(task.part, keys, task.inputs[SPANS.name], settings["edits"])
    output.read_text(texts.nbytes)
    return fold(shingle(texts, SignatureSettings(**settings["signing"])))


def _jaccards(found: Candidates, needed: npt.NDArray[np.int64], own: Folded, least: float) -> npt.NDArray[np.float64]:
    """Jaccard of every open pair; less than 0 where it is below `least` for certain. `own` are the shingles of `needed`."""
    rows, places, sizes = (a[found.is_open] for a in (found.rows, found.places, found.num_shingles))
    later, hashes = np.searchsorted(needed, rows), own.spread
    one = np.diff(own.offsets)[later]
    jaccard = np.empty(len(rows))
    for some in _chunks(sizes):
        distinct, which = number_distinct(places[some])
        past = found.corpus.shingles(distinct)
        other = np.diff(past.offsets)[which]
        shared = np.empty(len(which), np.int32)
        bound = Bounds(least).least_shared(one[some], other)
        count_shared(later[some], which, bound, own.offsets, hashes, past.offsets, past.spread, shared)
        jaccard[some] = jaccard_of(shared, one[some], other)
    return jaccard


def _chunks(sizes: npt.NDArray[np.int64]) -> Iterator[slice]:
    """Slices of pairs of about _HELD shingles, but for one pair that alone has more."""
    marks = np.flatnonzero(np.diff(np.cumsum(sizes) // _HELD)) + 1
    bounds = [0, *marks.tolist(), len(sizes)]
    yield from (slice(low, high) for low, high in itertools.pairwise(bounds) if low < high)


def _rows(
    found: Candidates, keys: npt.NDArray[np.uint64], jaccard: npt.NDArray[np.float64], settings: dict[str, Any]
) -> pa.Table:
    kept = np.flatnonzero(jaccard >= settings["jaccard"])
    kept = kept[np.lexsort((found.keys[kept], found.rows[kept]))]
    columns = {
        "doc": keys[found.rows[kept]],
        "corpus": pa.array([settings["corpus"]] * len(kept), pa.string()),
        "past": found.keys[kept],
        "relation": pa.array(["near", "exact"]).take(pa.array(found.is_exact[kept].astype(np.int8))),
        "jaccard": jaccard[kept],
    }
    return pa.table(columns, schema=PAST_PAIRS.schema())
