"""The rows of DECISIONS from what the rules, leaks and pairs say: which reasons, in which order, and what is left aside."""

from __future__ import annotations

import pyarrow as pa

from midmix.curation.decide.decisions import decisions_of_part
from midmix.tables import DECISIONS, KEY

FIRED = pa.schema([("doc", KEY), ("source", pa.string()), ("num_bytes", pa.int64()), ("fired", pa.list_(pa.string()))])
REPEATS = pa.schema(
    [
        ("doc", KEY),
        ("reason", pa.string()),
        *(field for field in DECISIONS.schema() if field.name not in ("doc", "keep", "reason", "fired")),
    ]
)
LEAKED = pa.schema([("doc", KEY), ("reason", pa.string())])


def fired(*rules: list[str]) -> pa.Table:
    columns = {"doc": range(10, 10 + len(rules)), "source": ["s"] * len(rules), "num_bytes": range(len(rules))}
    return pa.table({**columns, "fired": list(rules)}, FIRED)


def decide(rules: pa.Table, leaked: dict[int, list[str]], repeats: list[dict[str, object]]) -> list[dict[str, object]]:
    rows = [{"doc": doc, "reason": reason} for doc, reasons in leaked.items() for reason in reasons]
    found = decisions_of_part(rules, pa.Table.from_pylist(rows, LEAKED), pa.Table.from_pylist(repeats, REPEATS))
    assert set(found.column_names) == {*DECISIONS.schema().names, "source", "num_bytes"}
    return list(found.select(DECISIONS.schema().names).cast(DECISIONS.schema()).to_pylist())


def test_rules_come_first_then_leaks_by_name_each_once_then_the_duplicate() -> None:
    repeats = [{"doc": 11, "reason": "duplicate.near", "repeats": 7, "relation": "near", "jaccard": 0.9, "cluster": 7}]
    rows = decide(fired([], ["b.x", "a.y"], []), {11: ["past.c", "leak.b", "leak.b"], 12: ["leak.a"]}, repeats)
    assert [row["fired"] for row in rows] == [[], ["b.x", "a.y", "leak.b", "past.c", "duplicate.near"], ["leak.a"]]
    assert [row["keep"] for row in rows] == [True, False, False]
    assert [row["reason"] for row in rows] == [None, "b.x", "leak.a"]
    assert [row["repeats"] for row in rows] == [None, 7, None]
    assert [row["jaccard"] for row in rows] == [None, 0.9, None]


def test_a_kept_document_of_a_cluster_has_no_reason() -> None:
    (row,) = decide(fired([]), {}, [{"doc": 10, "cluster": 10, "cluster_size": 2}])
    assert (row["keep"], row["reason"], row["fired"]) == (True, None, [])
    assert (row["cluster"], row["cluster_size"], row["template"]) == (10, 2, None)


def test_rows_of_documents_of_other_parts_are_left_aside() -> None:
    rows = decide(fired([], []), {9: ["past.c"], 99: ["leak.a"]}, [])
    assert [(row["doc"], row["keep"], row["fired"]) for row in rows] == [(10, True, []), (11, True, [])]


def test_no_documents() -> None:
    assert decide(fired(), {9: ["leak.a"]}, []) == []
