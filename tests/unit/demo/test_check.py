"""Found against planted, on a run of a few rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from midmix.demo.check import Finding, compare
from midmix.demo.write import PLANTED

FILE, OTHER = "sources/a/a-0.parquet", "sources/b/b-0.jsonl.gz"
VIEWS = {
    "parts": "part BIGINT, path VARCHAR, first_row BIGINT, rows BIGINT",
    "quarantine": 'source VARCHAR, file VARCHAR, "row" BIGINT, reason VARCHAR',
    "documents": "doc UBIGINT, num_bytes BIGINT",
    "pairs": "doc UBIGINT, earlier UBIGINT, relation VARCHAR, jaccard DOUBLE",
    "decisions": "doc UBIGINT, keep BOOLEAN, repeats UBIGINT, jaccard DOUBLE",
    "contamination": "doc UBIGINT, set VARCHAR, item BIGINT, field VARCHAR, label VARCHAR",
    "item_coverage": "set VARCHAR, item BIGINT, field VARCHAR, detectable BOOLEAN",
    "spans": "doc UBIGINT, start_byte BIGINT, end_byte BIGINT, reason VARCHAR",
    "scores": "doc UBIGINT, num_boilerplate_lines INTEGER, mojibake_per_1k_chars DOUBLE",
}


def key(part: int, row: int) -> int:
    return part << 32 | row


def sheet(folder: Path, *rows: dict[str, Any]) -> Path:
    filled = [{"detail": {}, **row} for row in rows]
    for row in filled:
        row["detail"] = json.dumps(row["detail"])
    path = folder / "planted.parquet"
    pq.write_table(pa.Table.from_pylist(filled, PLANTED), path)
    return path


def findings(path: Path, **views: list[tuple[Any, ...]]) -> dict[str, Finding]:
    with duckdb.connect() as db:
        for name, columns in VIEWS.items():
            db.execute(f"CREATE TABLE {name} ({columns})")
            rows = views.get(name, [(0, FILE, 0, 10), (1, FILE, 10, 10), (2, OTHER, 0, 10)] if name == "parts" else [])
            if rows:
                db.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        return {f.kind: f for f in compare(lambda sql: db.sql(sql).to_arrow_table(), path)}


def pair(kind: str, row: int, other: int, jaccard: float) -> dict[str, Any]:
    return {"kind": kind, "file": FILE, "row": row, "other_file": OTHER, "other_row": other, "jaccard": jaccard}


def test_rows_of_a_later_part_are_found_by_their_place_in_the_file(tmp_path: Path) -> None:
    path = sheet(tmp_path, pair("exact", 13, 4, 1.0), pair("exact", 14, 5, 1.0), pair("exact", 15, 6, 1.0))
    found = findings(
        path,
        pairs=[
            (key(2, 4), key(1, 3), "exact", 1.0),
            (key(1, 4), key(0, 0), "exact", 1.0),
            (key(2, 5), key(0, 0), "exact", 1.0),
        ],
        decisions=[(key(1, 3), True, None, None), (key(2, 4), False, key(1, 3), 1.0), (key(1, 4), False, None, None)],
    )["exact copies"]
    assert (found.planted, found.found, found.passed) == (3, 2, False)
    assert found.missed_examples == (f"{FILE} row 15 (1:5) and {OTHER} row 6, Jaccard 1.000",)


def test_exact_copies_that_are_both_kept_are_missed(tmp_path: Path) -> None:
    path = sheet(tmp_path, pair("exact", 0, 0, 1.0))
    kept = [(key(0, 0), True, None, None), (key(2, 0), True, None, None)]
    assert findings(path, pairs=[(key(2, 0), key(0, 0), "exact", 1.0)], decisions=kept)["exact copies"].found == 0


@pytest.mark.parametrize(
    ("pairs", "decisions", "found"),
    [
        ([(key(2, 0), key(0, 0), "near", 0.9)], [], 1),
        ([(key(2, 0), key(0, 0), "apart", 0.7)], [], 0),
        ([(key(2, 0), key(0, 0), "template", None)], [], 0),
        ([], [(key(0, 0), False, key(0, 7), 0.9), (key(2, 0), False, key(0, 7), 0.9)], 1),  # both repeat a third
        (
            [(key(2, 0), key(0, 7), "near", 0.9)],
            [(key(0, 0), False, key(0, 7), 0.9)],
            1,
        ),  # one repeats what is near the other
        ([], [(key(0, 0), False, key(0, 7), 0.9), (key(2, 0), False, key(0, 8), 0.9)], 0),
        ([], [], 0),
    ],
)
def test_near_copies(tmp_path: Path, pairs: list[Any], decisions: list[Any], found: int) -> None:
    path = sheet(tmp_path, pair("near", 0, 0, 0.85), pair("near", 1, 1, 0.5))
    result = findings(path, pairs=pairs, decisions=decisions)
    assert result["near copies, Jaccard 0.8 and over"].planted == 1
    assert result["near copies, Jaccard 0.8 and over"].found == found
    assert result["near copies below 0.8, not dropped for one another"].found == 1


def test_drops_below_the_threshold_are_seen(tmp_path: Path) -> None:
    path = sheet(tmp_path, pair("near", 1, 1, 0.5))
    result = findings(path, decisions=[(key(0, 1), False, key(2, 1), 0.5), (key(0, 2), False, key(0, 3), 0.8)])
    assert result["near copies below 0.8, not dropped for one another"].found == 0
    repeats = result["documents dropped as repeats, each verified"]
    assert (repeats.planted, repeats.found) == (2, 1)
    assert repeats.missed_examples == ("0:1 repeats 2:1",)


def test_templates_are_labelled_and_dropped_for_nothing(tmp_path: Path) -> None:
    path = sheet(tmp_path, pair("template", 0, 0, 0.4), pair("template", 1, 1, 0.9), pair("template", 2, 2, 0.9))
    result = findings(
        path,
        pairs=[
            (key(2, 0), key(0, 0), "template", None),
            (key(2, 1), key(0, 1), "template", None),
            (key(2, 2), key(0, 2), "near", 0.9),
        ],
        decisions=[(key(2, 1), False, key(0, 1), 0.9)],
    )
    assert result["same problem, other numbers"].found == 1


def test_leaks_by_item_and_field(tmp_path: Path) -> None:
    def leak(row: int, item: int, field: str) -> dict[str, Any]:
        return {"kind": "leak", "file": FILE, "row": row, "detail": {"set": "b", "item": item, "field": field}}

    path = sheet(tmp_path, leak(0, 3, "question"), leak(0, 3, "answer"), leak(1, 4, "question"))
    result = findings(
        path,
        item_coverage=[("b", 3, "question", True), ("b", 3, "answer", True), ("b", 4, "question", False)],
        contamination=[(key(0, 0), "b", 3, "question", "leak"), (key(0, 0), "b", 3, "answer", "variant")],
        decisions=[(key(0, 0), False, None, None)],
    )
    assert (result["leaks that the rule can tell"].planted, result["leaks that the rule can tell"].found) == (2, 1)
    assert result["documents with such leaks, dropped"].found == 2
    assert (result["leaks too short to tell"].found, result["leaks too short to tell"].passed) == (0, True)


def test_spans_must_cover_what_was_planted(tmp_path: Path) -> None:
    planted = [
        {"kind": "secret", "file": FILE, "row": r, "detail": {"start_byte": 10, "end_byte": 30}} for r in range(4)
    ]
    path = sheet(tmp_path, *planted)
    result = findings(
        path,
        spans=[
            (key(0, 0), 10, 30, "pii.email"),
            (key(0, 1), 11, 30, "secret.key"),
            (key(0, 2), 0, 90, "boilerplate.line"),
        ],
    )
    assert result["addresses and keys"].found == 1


def test_bad_rows_and_files(tmp_path: Path) -> None:
    path = sheet(
        tmp_path,
        {"kind": "null_text", "file": FILE, "row": 3},
        {"kind": "not_text", "file": OTHER, "row": 1},
        {"kind": "truncated_file", "file": "sources/a/cut.parquet"},
        {"kind": "empty", "file": FILE, "row": 4},
        {"kind": "empty", "file": FILE, "row": 5},
        {"kind": "huge", "file": FILE, "row": 6, "detail": {"num_bytes": 9}},
        {"kind": "mojibake", "file": FILE, "row": 7},
        {"kind": "boilerplate", "file": FILE, "row": 8, "detail": {"lines": ["x", "y"]}},
    )
    result = findings(
        path,
        quarantine=[
            ("a", FILE, 3, ""),
            ("b", OTHER, None, ""),
            ("a", "sources/a/cut.parquet", None, ""),
            ("a", FILE, 9, ""),
        ],
        decisions=[(key(0, 4), False, None, None), (key(0, 5), True, None, None)],
        documents=[(key(0, 6), 9)],
        scores=[(key(0, 7), 0, 1.5), (key(0, 8), 1, 0.0)],
    )
    assert result["rows with null text"].found == 1
    assert result["rows with no text in them"].found == 0
    assert result["truncated file"].found == 1
    assert result["empty documents, not kept"].found == 1
    assert result["huge documents, read"].found == 1
    assert result["mojibake"].found == 1
    assert result["boilerplate lines"].found == 0
    aside = result["rows and files set aside rightly"]
    assert (aside.planted, aside.found) == (4, 2)


def test_near_copies_pass_at_95_percent() -> None:
    assert Finding("near", 200, 190, 0.95, ()).passed
    assert not Finding("near", 200, 189, 0.95, ()).passed
