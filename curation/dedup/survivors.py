"""Who survives: the survivor order, and one pass over verified pairs in that order.

The survivor order is total: declared rank of the source, then longer text, then content hash, and for equal content
the place of the source in the config, path and row. It never looks at keys, so it does not depend on how a run grew.
A document is dropped only for an earlier one that passed the rules, is kept, and was itself compared with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.jit import njit

NO_DOCUMENT = np.uint64(0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True)
class Survivors:
    """Verdict on documents, in the order they were given.

    repeats: uint64, the kept document that this one repeats, NO_DOCUMENT where it repeats none; jaccard: float64,
    verified Jaccard with it, NaN where there is none; cluster: uint64, smallest key of the duplicate cluster.
    """

    repeats: npt.NDArray[np.uint64]
    jaccard: npt.NDArray[np.float64]
    cluster: npt.NDArray[np.uint64]


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
    *,
    documents: Sequence[Path],
    parts: Sequence[Path],
    sources: Sequence[Path],
) -> npt.NDArray[np.uint64]:
    """`keys` in survivor order; the files are those of the tables of the same names."""
    connection.register("asked_documents", pa.table({"doc": keys}))
    where = "doc IN (SELECT doc FROM asked_documents)"
    query = survivor_query(documents=documents, parts=parts, sources=sources, where=where)
    ordered = connection.sql(query).to_arrow_table().column("doc").to_numpy()
    connection.unregister("asked_documents")
    return np.asarray(ordered, np.uint64)


def choose_survivors(
    docs: npt.NDArray[np.uint64],
    passed: npt.NDArray[np.bool_],
    doc: npt.NDArray[np.uint64],
    earlier: npt.NDArray[np.uint64],
    jaccard: npt.NDArray[np.float64],
    exact: npt.NDArray[np.bool_],
) -> Survivors:
    """Which of `docs` repeat a kept one.

    docs: keys in survivor order, every document with a pair among them; passed: whether the rules let each through;
    doc, earlier, jaccard, exact: the exact and near pairs of PAIRS, in any order. Copies of one text count as one:
    near pairs of their first copy hold for all of them, and the first copy that passed stands for them.
    A document with several kept partners repeats the one of highest Jaccard, the first in survivor order among equals.
    Raises ValueError when a pair names a document that is not in `docs`.
    """
    later_at, earlier_at = _positions(docs, doc), _positions(docs, earlier)
    group = np.arange(len(docs))
    group[later_at[exact]] = earlier_at[exact]
    near = ~exact
    starts, partners, values = _adjacency(group, later_at[near], earlier_at[near], jaccard[near])
    repeats, similarity = _one_pass(group, passed, starts, partners, values)
    return Survivors(
        repeats=np.where(repeats >= 0, docs[repeats], NO_DOCUMENT),
        jaccard=similarity,
        cluster=_clusters(docs, later_at, earlier_at),
    )


def _positions(docs: npt.NDArray[np.uint64], keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    by_key = np.argsort(docs)
    at = np.searchsorted(docs, keys, sorter=by_key)
    if len(keys) and (at.max() >= len(docs) or (docs[by_key[at]] != keys).any()):
        raise ValueError("a pair names a document that is not in `docs`; give every document that has a pair")
    return by_key[at]


def _adjacency(
    group: npt.NDArray[np.int64],
    later: npt.NDArray[np.int64],
    earlier: npt.NDArray[np.int64],
    jaccard: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Near pairs both ways as rows of groups: (starts [n + 1], partner groups, Jaccards)."""
    here = np.concatenate([group[later], group[earlier]])
    there = np.concatenate([group[earlier], group[later]])
    values = np.concatenate([jaccard, jaccard])
    order = np.lexsort((there, here))
    starts = np.searchsorted(here[order], np.arange(len(group) + 1))
    return starts, there[order], values[order]


@njit
def _one_pass(
    group: npt.NDArray[np.int64],
    passed: npt.NDArray[np.bool_],
    starts: npt.NDArray[np.int64],
    partners: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """(position of the kept document that each repeats or -1, Jaccard with it or NaN)."""
    count = group.size
    repeats = np.full(count, -1, np.int64)
    similarity = np.full(count, np.nan)
    stands = np.full(count, -1, np.int64)  # of a group: its first member that passed
    for at in range(count):
        if not passed[at]:
            continue
        mine = group[at]
        first = stands[mine]
        if first >= 0:
            repeats[at] = first if repeats[first] < 0 else repeats[first]
            similarity[at] = 1.0 if repeats[first] < 0 else similarity[first]
            continue
        stands[mine] = at
        for k in range(starts[mine], starts[mine + 1]):
            other = stands[partners[k]]
            if other < 0 or repeats[other] >= 0:
                continue
            best = repeats[at]
            if best < 0 or values[k] > similarity[at] or (values[k] == similarity[at] and other < best):
                repeats[at] = other
                similarity[at] = values[k]
    return repeats, similarity


@njit
def _roots(count: int, left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Root of each node's component (union-find; path halving)."""
    parent = np.arange(count)
    for i in range(left.size):
        a, b = left[i], right[i]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        parent[max(a, b)] = min(a, b)
    for a in range(count):
        parent[a] = parent[parent[a]]
    return parent


def _clusters(
    docs: npt.NDArray[np.uint64], left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint64]:
    """Smallest key of the component that each document is in; its own key where it has no pair."""
    roots = _roots(len(docs), left, right)
    smallest = np.full(len(docs), NO_DOCUMENT)
    np.minimum.at(smallest, roots, docs)
    return np.asarray(smallest[roots])
