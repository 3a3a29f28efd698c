"""Which document repeats which: verified pairs, cut down to what the rules let through. Out of core."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from midmix.curation.dedup.exchange import Workspace
from midmix.curation.dedup.survivors import CHUNK_ROWS, Pairs, Survivors
from midmix.tables import KEY, doc_key

EXACT = "duplicate.exact"
NEAR = "duplicate.near"
_KEYED = np.dtype([("doc", np.uint64)])


@dataclass(frozen=True)
class DuplicatePairs:
    """Exact and near pairs in files of PAIRS; `documents` are the keys in them, ascending and distinct, on disk."""

    files: tuple[Path, ...]
    documents: npt.NDArray[np.uint64]

    def batches(self) -> Iterator[Pairs]:
        """The pairs, their documents by place in `documents`."""
        for rows in _dropping(self.files, ["doc", "earlier", "relation", "jaccard"]):
            yield Pairs(
                later=np.searchsorted(self.documents, rows["doc"].to_numpy()),
                earlier=np.searchsorted(self.documents, rows["earlier"].to_numpy()),
                jaccard=rows["jaccard"].to_numpy(),
                exact=pc.equal(rows["relation"], "exact").to_numpy(zero_copy_only=False),
            )

    def span(self, part: int) -> tuple[int, int]:
        """Places in `documents` of a part's first document and past its last one."""
        first, last = np.searchsorted(self.documents, [np.uint64(doc_key(part, 0)), np.uint64(doc_key(part + 1, 0))])
        return int(first), int(last)


def _dropping(files: Sequence[Path], columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Rows of PAIRS that may drop a document: not templates, nor those that were found apart."""
    for path in files:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(CHUNK_ROWS, columns=columns, use_threads=False):
                yield batch.filter(pc.is_in(batch["relation"], pa.array(["exact", "near"])))


def load_pairs(files: Sequence[Path], num_parts: int, work: Workspace) -> DuplicatePairs:
    """The pairs that may drop a document. Parts have ids below `num_parts`."""
    keys = work.exchange("keys", _KEYED, doc_key(num_parts, 0))
    rows = 0
    for batch in _dropping(files, ["doc", "earlier", "relation"]):
        keys.append(np.unique(np.concatenate([batch["doc"].to_numpy(), batch["earlier"].to_numpy()])))
        rows += 2 * len(batch)
    documents = work.array("documents", np.uint64, rows)
    filled = 0
    for records in keys.sorted_ranges():
        found = np.unique(records["doc"])
        documents[filled : filled + len(found)] = found
        filled += len(found)
    return DuplicatePairs(tuple(files), documents[:filled])


def repeats_of_part(pairs: DuplicatePairs, survivors: Survivors, part: int) -> pa.Table:
    """(doc, repeats, jaccard, cluster, reason) of every document of the part that has a pair, by key."""
    first, last = pairs.span(part)
    found = survivors.verdicts(first, last)
    alone = found.repeats < 0
    return pa.table(
        {
            "doc": pa.array(pairs.documents[first:last], KEY),
            "repeats": pa.array(pairs.documents[np.where(alone, first, found.repeats)], KEY, mask=alone),
            "jaccard": pa.array(found.jaccard, pa.float64(), mask=alone),
            "cluster": pa.array(pairs.documents[found.cluster], KEY),
            "reason": pa.array(np.where(found.exact, EXACT, NEAR), pa.string(), mask=alone),
        }
    )
