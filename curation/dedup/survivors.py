"""Who survives: the survivor order, and one pass over verified pairs in that order.

The survivor order is total: declared rank of the source, then longer text, then content hash, and for equal content
the place of the source in the config, path and row. It never looks at keys, so it does not depend on how a run grew.
A document is dropped only for an earlier one that passed the rules, is kept, and was itself compared with it.
Documents go by their ordinal here: their place among the keys of those that have a pair. What is known of each lies
on disk, so memory holds one range of pairs at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.dedup.exchange import Workspace
from midmix.errors import StepError
from midmix.jit import njit

# Rows that are read or changed at a time.
CHUNK_ROWS = 16_384
EDGE = np.dtype([("later", np.int64), ("earlier", np.int64), ("jaccard", np.float64)])


def _files(files: Sequence[Path]) -> str:
    return "read_parquet([" + ", ".join("'" + str(path).replace("'", "''") + "'" for path in files) + "])"


def survivor_query(
    *, documents: Sequence[Path], parts: Sequence[Path], sources: Sequence[Path], where: str = "true"
) -> str:
    """SQL for the keys (`doc`) of documents in survivor order; the files are those of the tables of the same names.

    The last terms, part and row, are path and row in the file: parts are numbered by them before they are compared.
    """
    if not documents:
        return "SELECT 0::UBIGINT AS doc WHERE false"
    return (
        "WITH ranked AS (SELECT part, survivor_rank, row_number() OVER (ORDER BY position, parts.path, first_row) AS number "
        f"FROM {_files(parts)} AS parts JOIN {_files(sources)} AS sources USING (source)) "
        f"SELECT doc FROM {_files(documents)} AS documents JOIN ranked ON ranked.part = (doc >> 32)::BIGINT "
        f"WHERE {where} ORDER BY survivor_rank, num_bytes DESC, content_hash, number, doc"
    )


def survivor_order(
    connection: duckdb.DuckDBPyConnection,
    keys: npt.NDArray[np.uint64],
    work: Workspace,
    *,
    documents: Sequence[Path],
    parts: Sequence[Path],
    sources: Sequence[Path],
) -> npt.NDArray[np.int64]:
    """Ordinals (places in `keys`, ascending) in survivor order, on disk; the files are those of the tables of the names.

    Raises StepError when `documents` lacks a key.
    """
    order = work.array("order", np.int64, len(keys))
    connection.register("asked_documents", pa.table({"doc": keys}))
    where = "doc IN (SELECT doc FROM asked_documents)"
    query = survivor_query(documents=documents, parts=parts, sources=sources, where=where)
    found = 0
    for batch in connection.sql(query).to_arrow_reader(CHUNK_ROWS):
        order[found : found + len(batch)] = np.searchsorted(keys, batch["doc"].to_numpy())
        found += len(batch)
    connection.unregister("asked_documents")
    if found != len(keys):
        raise StepError(
            f"{len(keys)} documents have pairs, but {found} of them are listed. Run from 'dedup' again with --rerun."
        )
    return order


@dataclass(frozen=True)
class Pairs:
    """Some exact and near pairs.

    later, earlier: int64, ordinals of their documents; jaccard: float64; exact: bool, whether the texts are copies.
    """

    later: npt.NDArray[np.int64]
    earlier: npt.NDArray[np.int64]
    jaccard: npt.NDArray[np.float64]
    exact: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Verdicts:
    """Verdicts on consecutive documents.

    repeats: int64, ordinal of the kept document that each repeats, -1 where it repeats none; jaccard: float64, verified
    Jaccard with it, NaN where there is none; exact: bool, whether it is a copy of it; cluster: int64, lowest ordinal of
    the duplicate cluster.
    """

    repeats: npt.NDArray[np.int64]
    jaccard: npt.NDArray[np.float64]
    exact: npt.NDArray[np.bool_]
    cluster: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Survivors:
    """Who repeats whom, on disk. Places are ranks in survivor order.

    By ordinal, order excepted: order: ordinal at each place; places; passed; copies_of: first copy of the text;
    stand_in: of a first copy, place of the first of its copies that passed; cluster. By place, of a stand-in: repeats
    (place, -1 for none), jaccard.
    """

    order: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    passed: npt.NDArray[np.bool_]
    copy_of: npt.NDArray[np.int64]
    stand_in: npt.NDArray[np.int64]
    cluster: npt.NDArray[np.int64]
    repeats: npt.NDArray[np.int64]
    jaccard: npt.NDArray[np.float64]

    def verdicts(self, first: int, last: int) -> Verdicts:
        """Verdicts on the documents of ordinals first to last, end exclusive."""
        text, place = self.copy_of[first:last], self.places[first:last]
        stands = np.where(self.passed[first:last], self.stand_in[text], place)
        original = self.repeats[stands]
        is_copy = (stands != place) & (original < 0)
        repeated = np.where(is_copy, stands, original)
        repeats = np.where(repeated >= 0, self.order[repeated], -1)
        return Verdicts(
            repeats=repeats,
            jaccard=np.where(is_copy, 1.0, self.jaccard[stands]),
            exact=(repeats >= 0) & (self.copy_of[repeats] == text),
            cluster=self.cluster[first:last],
        )


def choose_survivors(
    order: npt.NDArray[np.int64],
    passed: npt.NDArray[np.bool_],
    pairs: Callable[[], Iterable[Pairs]],
    work: Workspace,
) -> Survivors:
    """Which documents repeat a kept one, out of core.

    order: int64, ordinals in survivor order; passed: bool, by ordinal, whether the rules let each through; pairs: the
    exact and near pairs of PAIRS in any order, read twice. Copies of one text count as one: near pairs of their first
    copy hold for all of them, and the first copy that passed stands in for them. A document with several kept partners
    repeats the one of highest Jaccard, the first in survivor order among equals.
    """
    count = len(order)
    places, copy_of, cluster = (work.array(name, np.int64, count) for name in ("places", "copy_of", "cluster"))
    for some in _chunks(count):
        places[order[some]] = copy_of[some] = cluster[some] = np.arange(some.start, some.stop)
    for batch in pairs():
        copy_of[batch.later[batch.exact]] = batch.earlier[batch.exact]
        _unite(cluster, batch.later, batch.earlier)
    _flatten(cluster)
    stand_in = work.array("stand_in", np.int64, count)
    stand_in[:] = count
    for some in _chunks(count):
        chosen = passed[some]
        np.minimum.at(stand_in, copy_of[some][chosen], places[some][chosen])
    edges = work.exchange("edges", EDGE, count)
    for batch in pairs():
        ends = np.sort(np.stack([stand_in[copy_of[batch.later]], stand_in[copy_of[batch.earlier]]]), axis=0)
        compared = ~batch.exact & (ends[1] < count) & (ends[0] < ends[1])
        edges.append(ends[1][compared], ends[0][compared], batch.jaccard[compared])
    repeats, jaccard = work.array("repeats", np.int64, count), work.array("jaccard", np.float64, count)
    repeats[:] = -1
    jaccard[:] = np.nan
    for records in edges.sorted_ranges():
        _one_pass(*(np.ascontiguousarray(records[name]) for name in EDGE.names or ()), repeats, jaccard)
    return Survivors(order, places, passed, copy_of, stand_in, cluster, repeats, jaccard)


def _chunks(count: int) -> Iterator[slice]:
    for first in range(0, count, CHUNK_ROWS):
        yield slice(first, min(first + CHUNK_ROWS, count))


@njit
def _one_pass(
    later: npt.NDArray[np.int64],
    earlier: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    repeats: npt.NDArray[np.int64],
    jaccard: npt.NDArray[np.float64],
) -> None:
    """Set what each place repeats, from edges in the order of (later, earlier); those before are set already."""
    for i in range(later.size):
        at, other = later[i], earlier[i]
        if repeats[other] < 0 and (repeats[at] < 0 or values[i] > jaccard[at]):
            repeats[at] = other
            jaccard[at] = values[i]


@njit
def _unite(parent: npt.NDArray[np.int64], left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> None:
    """Unite the components of left[i] and right[i]: union-find with path halving, the lowest of each as its root."""
    for i in range(left.size):
        a, b = left[i], right[i]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        parent[max(a, b)] = min(a, b)


@njit
def _flatten(parent: npt.NDArray[np.int64]) -> None:
    """Point each node at the root of its component; parents are never above their children."""
    for a in range(parent.size):
        parent[a] = parent[parent[a]]
