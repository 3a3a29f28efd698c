"""Which document repeats which: verified pairs, cut down to what the rules let through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from midmix.curation.dedup.survivors import NO_DOCUMENT, choose_survivors
from midmix.tables import KEY, PAIRS, doc_key

EXACT = "duplicate.exact"
NEAR = "duplicate.near"


@dataclass(frozen=True)
class DuplicatePairs:
    """Exact and near pairs; `documents` are the keys in them, ascending and distinct."""

    doc: npt.NDArray[np.uint64]
    earlier: npt.NDArray[np.uint64]
    jaccard: npt.NDArray[np.float64]
    exact: npt.NDArray[np.bool_]
    documents: npt.NDArray[np.uint64]


def load_pairs(files: Sequence[Path]) -> DuplicatePairs:
    """The pairs that may drop a document: not templates, nor those that were found apart."""
    columns = ["doc", "earlier", "relation", "jaccard"]
    tables = [PAIRS.schema().empty_table().select(columns), *(pq.read_table(f, columns=columns) for f in files)]
    pairs = pa.concat_tables(tables)
    pairs = pairs.filter(pc.is_in(pairs.column("relation"), pa.array(["exact", "near"])))
    doc, earlier = pairs.column("doc").to_numpy(), pairs.column("earlier").to_numpy()
    exact = pc.equal(pairs.column("relation"), "exact").to_numpy()
    return DuplicatePairs(
        doc, earlier, pairs.column("jaccard").to_numpy(), exact, np.unique(np.concatenate([doc, earlier]))
    )


def find_repeats(pairs: DuplicatePairs, order: npt.NDArray[np.uint64], passed: npt.NDArray[np.bool_]) -> pa.Table:
    """(doc, repeats, jaccard, cluster, reason) of every document that has a pair, by key.

    `order` holds pairs.documents in survivor order; `passed` says, for pairs.documents, what the rules let through.
    """
    documents = pairs.documents
    places = np.searchsorted(documents, order)
    found = choose_survivors(order, passed[places], pairs.doc, pairs.earlier, pairs.jaccard, pairs.exact)
    back = np.argsort(places)
    repeats, jaccard, cluster = found.repeats[back], found.jaccard[back], found.cluster[back]
    alone = repeats == NO_DOCUMENT
    first_copy = documents.copy()
    first_copy[np.searchsorted(documents, pairs.doc[pairs.exact])] = pairs.earlier[pairs.exact]
    partner = np.searchsorted(documents, np.where(alone, documents, repeats))
    reasons = np.where(first_copy == first_copy[partner], EXACT, NEAR)
    return pa.table(
        {
            "doc": pa.array(documents, KEY),
            "repeats": pa.array(repeats, KEY, mask=alone),
            "jaccard": pa.array(jaccard, pa.float64(), mask=alone),
            "cluster": pa.array(cluster, KEY),
            "reason": pa.array(reasons, pa.string(), mask=alone),
        }
    )


def repeats_of_part(repeats: pa.Table, part: int) -> pa.Table:
    """The rows of one part."""
    keys = repeats.column("doc").to_numpy()
    first, last = np.searchsorted(keys, [np.uint64(doc_key(part, 0)), np.uint64(doc_key(part + 1, 0))])
    return repeats.slice(first, last - first)
