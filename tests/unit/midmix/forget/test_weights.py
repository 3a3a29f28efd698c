"""Weights without the domains that are gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from midmix.forget.weights import publish_weights
from midmix.table_files import read_table, write_table
from midmix.table_manifest import Manifest, publish
from midmix.tables import EVIDENCE, TOKENS, WEIGHTS, Table


def publish_rows(folder: Path, table: Table, rows: list[dict[str, Any]]) -> None:
    entry = write_table(folder, table, pa.Table.from_pylist(rows, schema=table.schema()), stem="all")
    publish(folder, Manifest(table.name, (entry,)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run with tokens of code, math and web, and weights of a forum besides, of which one document is held out."""
    splits = [("code", "train"), ("forum", "heldout"), ("math", "train"), ("web", "train")]
    token = {"tokenizer": "main", "shard": 0, "offset": 0, "num_tokens": 9, "num_bytes": 9, "doc": 1}
    publish_rows(tmp_path, TOKENS, [token | {"domain": d, "split": s} for d, s in splits])
    shares = {"code": 0.2, "forum": 0.4, "math": 0.2, "web": 0.2}
    weights = [
        {"mixture": "optimum", "domain": d, "weight": w, "low": w / 2, "high": 0.9, "at_cap": False, "epochs": 1.0}
        for d, w in shares.items()
    ]
    publish_rows(tmp_path, WEIGHTS, [*weights, {**weights[1], "mixture": "replay", "weight": 1.0}])
    publish_rows(tmp_path, EVIDENCE, [{"subject": "overall", "claim": "verdict", "verdict": "weak", "words": "little"}])
    return tmp_path


def test_the_other_shares_grow_in_proportion_and_sum_to_one(folder: Path) -> None:
    publish_weights(folder, "forum")
    rows = read_table(folder, WEIGHTS).to_pylist()
    # The mixture that was the forum alone is gone with it.
    assert [(row["mixture"], row["domain"], row["weight"]) for row in rows] == [
        ("optimum", "code", 0.333334), ("optimum", "math", 0.333333), ("optimum", "web", 0.333333),
    ]  # fmt: skip
    assert rows[0]["low"] == pytest.approx(0.1 / 0.6) and rows[0]["high"] == 1.0
    assert rows[0]["epochs"] == pytest.approx(1 / 0.6)


def test_the_evidence_says_that_nobody_tried_it_and_a_second_call_changes_nothing(folder: Path) -> None:
    publish_weights(folder, "forum")
    before = {table: read_table(folder, table) for table in (WEIGHTS, EVIDENCE)}
    claims = {row["claim"]: row for row in before[EVIDENCE].to_pylist()}
    assert claims["without:forum"]["verdict"] == "not supported"
    assert "no run has tried this mixture" in claims["without:forum"]["words"]
    publish_weights(folder, "forum")
    assert all(read_table(folder, table) == rows for table, rows in before.items())
