"""Who survives, on small exact cases."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from midmix.curation.dedup.exchange import Workspace
from midmix.curation.dedup.survivors import Pairs, choose_survivors, survivor_order
from midmix.errors import StepError
from midmix.tables import DOCUMENTS, PARTS, SOURCES, doc_key

Pair = tuple[int, int, float]


def choose(order: list[int], failed: set[int], pairs: list[Pair]) -> dict[int, tuple[int | None, float | None, int]]:
    """Document to (repeats, Jaccard, cluster); a Jaccard of 1 stands for an exact copy."""
    keys = sorted(order)
    later, earlier = (np.array([keys.index(pair[i]) for pair in pairs], np.int64) for i in (0, 1))
    jaccard = np.array([pair[2] for pair in pairs], np.float64)
    with tempfile.TemporaryDirectory() as folder:
        found = choose_survivors(
            np.array([keys.index(d) for d in order], np.int64),
            np.array([d not in failed for d in keys], np.bool_),
            lambda: [Pairs(later, earlier, jaccard, jaccard == 1)],
            Workspace(Path(folder), 1 << 20),
        ).verdicts(0, len(keys))
    return {
        d: (None if r < 0 else keys[r], None if np.isnan(j) else float(j), keys[c])
        for d, r, j, c in zip(keys, found.repeats, found.jaccard, found.cluster, strict=True)
    }


def test_a_pair() -> None:
    assert choose([9, 4], set(), [(4, 9, 0.9)]) == {9: (None, None, 4), 4: (9, 0.9, 4)}


def test_no_chains() -> None:
    """1 ~ 2 ~ 3, but 1 and 3 are not alike: 3 stays, since its partner 2 is dropped."""
    assert choose([1, 2, 3], set(), [(2, 1, 0.8), (3, 2, 0.8)]) == {
        1: (None, None, 1), 2: (1, 0.8, 1), 3: (None, None, 1),
    }  # fmt: skip


def test_rules_come_first() -> None:
    assert choose([1, 2, 3], {1}, [(2, 1, 0.9), (3, 2, 0.9)]) == {
        1: (None, None, 1), 2: (None, None, 1), 3: (2, 0.9, 1),
    }  # fmt: skip


def test_the_most_alike_kept_partner_is_named() -> None:
    pairs = [(4, 1, 0.81), (4, 2, 0.95), (4, 3, 0.95)]
    assert choose([1, 2, 3, 4], set(), pairs)[4] == (2, 0.95, 1)
    assert choose([1, 2, 3, 4], {2}, pairs)[4] == (3, 0.95, 1)
    assert choose([1, 2, 3, 4], {2, 3}, pairs)[4] == (1, 0.81, 1)


def test_copies_repeat_the_first_that_passed() -> None:
    pairs = [(2, 1, 1.0), (3, 1, 1.0)]
    assert choose([1, 2, 3], {1}, pairs) == {1: (None, None, 1), 2: (None, None, 1), 3: (2, 1.0, 1)}


def test_copies_of_a_near_duplicate_repeat_what_it_repeats() -> None:
    assert choose([1, 2, 3], set(), [(2, 1, 0.9), (3, 2, 1.0)]) == {
        1: (None, None, 1), 2: (1, 0.9, 1), 3: (1, 0.9, 1),
    }  # fmt: skip


def test_pairs_of_the_first_copy_hold_for_the_one_that_stands_in() -> None:
    """2 is a copy of 1, which the rules drop; 3 was compared with 1, and repeats 2."""
    assert choose([1, 2, 3], {1}, [(2, 1, 1.0), (3, 1, 0.85)])[3] == (2, 0.85, 1)


def test_a_copy_that_comes_later_than_the_partner_yields_to_it() -> None:
    """The first copy fails and its other copy comes after 3 in survivor order, so 3 is kept and the copy repeats it."""
    assert choose([1, 3, 2], {1}, [(2, 1, 1.0), (3, 1, 0.85)]) == {
        1: (None, None, 1), 3: (None, None, 1), 2: (3, 0.85, 1),
    }  # fmt: skip


def test_clusters_are_named_after_their_smallest_key() -> None:
    found = choose([50, 7, 30, 8, 90], set(), [(7, 50, 0.9), (30, 7, 0.9), (90, 8, 0.9)])
    assert {d: c for d, (_, _, c) in found.items()} == {50: 7, 7: 7, 30: 7, 8: 8, 90: 8}


def test_nothing() -> None:
    assert choose([], set(), []) == {}


def test_order_is_by_rank_length_hash_and_place_and_never_by_key(tmp_path: Path) -> None:
    def digest(n: int) -> bytes:
        return hashlib.blake2b(bytes([n]), digest_size=16).digest()

    low, high = sorted([digest(1), digest(2)])
    documents = [
        (doc_key(0, 0), low, 10), (doc_key(0, 1), high, 10), (doc_key(0, 2), low, 11),
        (doc_key(1, 0), low, 99), (doc_key(2, 0), low, 10), (doc_key(3, 5), low, 10),
    ]  # fmt: skip
    parts = [
        (0, "web", "b.parquet", 0),
        (1, "bad", "a.parquet", 0),
        (2, "web", "a.parquet", 50),
        (3, "web", "a.parquet", 40),
    ]
    sources = [("web", 1, 0), ("bad", 0, 1)]
    for table, columns, rows in (
        (DOCUMENTS, ["doc", "content_hash", "num_bytes"], documents),
        (PARTS, ["part", "source", "path", "first_row"], parts),
        (SOURCES, ["source", "position", "survivor_rank"], sources),
    ):
        schema = pa.schema([table.schema().field(name) for name in columns])
        named = [dict(zip(columns, row, strict=True)) for row in rows]
        pq.write_table(pa.Table.from_pylist(named, schema), tmp_path / f"{table.name[0]}.parquet")
    keys = sorted(d for d, _, _ in documents)
    expected = [doc_key(0, 2), doc_key(3, 5), doc_key(2, 0), doc_key(0, 0), doc_key(0, 1), doc_key(1, 0)]
    files = {name: [tmp_path / f"{name[0]}.parquet"] for name in ("documents", "parts", "sources")}
    connection = duckdb.connect()

    def ordered(asked: list[int]) -> list[int]:
        work = Workspace(tmp_path / f"work-{len(asked)}", 1 << 20)
        work.folder.mkdir()
        return [asked[i] for i in survivor_order(connection, np.array(asked, np.uint64), work, **files)]

    assert ordered(keys) == expected
    assert ordered([doc_key(1, 0), doc_key(2, 0)]) == [doc_key(2, 0), doc_key(1, 0)]
    assert ordered([]) == []
    with pytest.raises(StepError, match="3 documents have pairs, but 2 of them are listed"):
        ordered([doc_key(1, 0), doc_key(2, 0), doc_key(2, 1)])
