"""Who survives, on small exact cases and on crowds; whole random cases are in tests/property."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from midmix.curation.decide.edges import CONTAINED, CONTAINS, EXACT, NEAR, SEMANTIC, TEMPLATE, URL, Pairs
from midmix.curation.decide.one_pass import EVERYWHERE, NOWHERE, WITHIN, Policies
from midmix.curation.decide.survivors import Candidates, choose_survivors, index_type, survivor_order
from midmix.curation.dedup.exchange import Workspace
from midmix.errors import StepError
from midmix.tables import DOCUMENTS, PARTS, SOURCES

Row = tuple[int, int, int, float]


def choose(
    order: list[int],
    rows: list[Row],
    failed: tuple[int, ...] = (),
    source: dict[int, int] | None = None,
    policies: tuple[tuple[int, int], ...] = ((EVERYWHERE, 1),),
) -> dict[int, tuple[str, int]]:
    """Dropped document to (relation, kept document that it repeats); the documents are 0, 1, 2, ..."""
    columns = [np.array([row[i] for row in rows], np.int64) for i in (0, 1)]
    relation = np.array([row[2] for row in rows], np.uint8)
    value = np.array([row[3] for row in rows], np.float64)
    given = Candidates(
        order=np.array(order, np.int64),
        passed=np.array([doc not in failed for doc in range(len(order))], np.bool_),
        source=np.array([(source or {}).get(doc, 0) for doc in range(len(order))], np.int32),
        policies=Policies(np.array([s for s, _ in policies], np.int8), np.array([k for _, k in policies], np.int64)),
        relations=set(relation.tolist()),
        pairs=lambda: [Pairs(*columns, relation, value, value)],
    )
    with tempfile.TemporaryDirectory() as folder:
        found = choose_survivors(given, Workspace(Path(folder), 1 << 20)).verdicts(0, len(order))
    return {
        doc: (str(found.relation[doc]), int(found.repeats[doc]))
        for doc in range(len(order))
        if found.reason[doc] is not None
    }


def test_no_chains() -> None:
    """0 ~ 1 ~ 2, but 0 and 2 are not alike: 2 stays, since its partner 1 is dropped."""
    assert choose([0, 1, 2], [(1, 0, NEAR, 0.8), (2, 1, NEAR, 0.8)]) == {1: ("near", 0)}


def test_what_failed_drops_nothing() -> None:
    assert choose([0, 1, 2], [(1, 0, NEAR, 0.9), (2, 1, NEAR, 0.9)], failed=(0,)) == {2: ("near", 1)}


def test_the_strongest_relation_is_named_then_the_most_alike_then_the_first() -> None:
    near = [(3, 0, NEAR, 0.81), (3, 1, NEAR, 0.95), (3, 2, NEAR, 0.95)]
    assert choose([0, 1, 2, 3], near)[3] == ("near", 1)
    assert choose([0, 1, 2, 3], near, failed=(1,))[3] == ("near", 2)
    assert choose([0, 1, 2], [(2, 0, CONTAINED, 1.0), (2, 1, NEAR, 0.8)])[2] == ("near", 1)
    assert choose([0, 1, 2], [(2, 0, URL, 1.0), (2, 1, CONTAINED, 0.8)])[2] == ("contained", 1)


def test_copies_yield_to_the_first_that_passed_and_to_what_it_yields_to() -> None:
    assert choose([0, 1, 2], [(1, 0, EXACT, 1), (2, 0, EXACT, 1)], failed=(0,)) == {2: ("exact", 1)}
    assert choose([0, 1, 2], [(1, 0, NEAR, 0.9), (2, 1, EXACT, 1)]) == {1: ("near", 0), 2: ("near", 0)}
    # The first copy failed, and its other copy comes after 1: so 1 is kept, and the copy yields to it.
    assert choose([0, 1, 2], [(2, 0, EXACT, 1), (1, 0, NEAR, 0.85)], failed=(0,)) == {2: ("near", 1)}


def test_a_text_is_dropped_for_one_that_holds_it_and_never_the_other_way_round() -> None:
    assert choose([0, 1], [(1, 0, CONTAINED, 1.0)]) == {1: ("contained", 0)}
    assert choose([0, 1], [(1, 0, CONTAINS, 1.0)]) == {}
    # A later copy of the contained text has its container before it, and its own text: which is stronger.
    assert choose([0, 1, 2], [(1, 0, CONTAINS, 1.0), (2, 0, EXACT, 1)]) == {2: ("exact", 0)}
    assert choose([0, 1, 2], [(1, 0, CONTAINS, 1.0), (2, 0, EXACT, 1)], failed=(0,)) == {2: ("contained", 1)}


def test_equal_urls_hold_among_all_though_the_pairs_name_the_first_alone() -> None:
    rows = [(1, 0, URL, np.nan), (2, 0, URL, np.nan), (3, 0, URL, np.nan)]
    assert choose([0, 1, 2, 3], rows, failed=(0,)) == {2: ("url", 1), 3: ("url", 1)}
    assert choose([0, 1, 2, 3], rows, policies=((EVERYWHERE, 2),)) == {2: ("url", 0), 3: ("url", 0)}


def test_a_document_counts_once_however_it_is_related() -> None:
    """0 and 1 are copies at one URL, and 2 lies there as well: two documents, not three, stand before it."""
    rows = [(1, 0, EXACT, 1), (1, 0, URL, np.nan), (2, 0, URL, np.nan), (2, 0, NEAR, 0.9)]
    assert choose([0, 1, 2], rows, policies=((EVERYWHERE, 3),)) == {}
    assert choose([0, 1, 2], rows, policies=((EVERYWHERE, 2),)) == {2: ("near", 0)}


def test_the_same_in_meaning_is_a_duplicate_unless_only_numbers_differ() -> None:
    assert choose([0, 1], [(1, 0, SEMANTIC, 0.97)]) == {1: ("semantic", 0)}
    assert choose([0, 1, 2], [(2, 0, URL, np.nan), (2, 1, SEMANTIC, 0.97)])[2] == ("url", 0)
    assert choose([0, 1], [(1, 0, SEMANTIC, 0.97), (1, 0, TEMPLATE, np.nan)]) == {}


def test_a_scope_within_looks_past_copies_of_other_sources() -> None:
    rows = [(doc, 0, EXACT, 1) for doc in (1, 2, 3)]
    sources, policies = {1: 1, 3: 1}, ((EVERYWHERE, 1), (WITHIN, 1))
    assert choose([0, 1, 2, 3], rows, source=sources, policies=policies) == {2: ("exact", 0), 3: ("exact", 1)}


@pytest.mark.parametrize(("scope", "copies"), [(EVERYWHERE, 1), (EVERYWHERE, 3), (WITHIN, 2), (NOWHERE, 1)])
def test_a_crowd_of_copies_is_linear(scope: int, copies: int) -> None:
    """Twice 100,000 copies of two texts that are alike, each with its own near copies and all at one URL."""

    def seconds(half: int) -> float:
        one, other = np.arange(1, half), np.arange(half + 1, 2 * half)
        near = np.arange(2 * half, 3 * half)
        later = np.concatenate([one, other, near, near, [half], one])
        earlier = np.concatenate([0 * one, 0 * other + half, 0 * near, 0 * near + half, [0], 0 * one])
        counts = (half - 1, half - 1, half, half, 1, half - 1)
        relation = np.repeat(np.array([EXACT, EXACT, NEAR, NEAR, NEAR, URL], np.uint8), counts)
        value = np.full(len(later), 0.9)
        policies = Policies(np.full(2, scope, np.int8), np.full(2, copies, np.int64))
        # Every third place is of the near copies, so that texts and near copies meet in turn.
        order = np.arange(3 * half).reshape(3, half).T.reshape(-1)
        source = (np.arange(3 * half) % 2).astype(np.int32)
        given = Candidates(
            order, np.ones(3 * half, np.bool_), source, policies, {EXACT, NEAR, URL},
            lambda: [Pairs(later, earlier, relation, value, value)],
        )  # fmt: skip
        start = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            choose_survivors(given, Workspace(Path(folder), 1 << 26))
        return time.process_time() - start

    seconds(10)
    assert seconds(100_000) < 8


def test_the_order_lists_every_document_that_has_a_pair(tmp_path: Path) -> None:
    files = {}
    for table, columns, row in (
        (DOCUMENTS, ["doc", "content_hash", "num_bytes"], [7, bytes(16), 1]),
        (PARTS, ["part", "source", "path", "first_row"], [0, "web", "a", 0]),
        (SOURCES, ["source", "position", "survivor_rank"], ["web", 0, 0]),
    ):
        schema = pa.schema([table.schema().field(name) for name in columns])
        pq.write_table(pa.Table.from_pylist([dict(zip(columns, row, strict=True))], schema), tmp_path / table.name)
        files[table.name] = (tmp_path / table.name,)
    work = Workspace(tmp_path, 1 << 20)
    assert survivor_order(duckdb.connect(), np.array([7], np.uint64), files, work).tolist() == [0]
    with pytest.raises(StepError, match="2 documents have pairs, but 1 of them are listed"):
        survivor_order(duckdb.connect(), np.array([7, 8], np.uint64), files, work)


def test_nothing() -> None:
    assert choose([], []) == {}


def test_places_take_four_bytes_until_they_no_longer_fit() -> None:
    assert (index_type(2**31 - 1), index_type(2**31)) == (np.int32, np.int64)
