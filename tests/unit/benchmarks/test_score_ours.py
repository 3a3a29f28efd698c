"""`benchmarks/score_ours.py` writes the tables of today, or the benchmark measures nothing."""

from __future__ import annotations

import importlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from midmix.tables import DECISIONS

FOLDER = Path(__file__).parents[3] / "benchmarks"


def test_a_slice_is_decided_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    ours = importlib.import_module("score_ours").Ours(tmp_path, ["gopher_quality", "c4"])
    pq.write_table(
        pa.table({"text": ["one two three", "the and of to that have with " * 20 + "."]}), tmp_path / "x.parquet"
    )
    fired = ours(tmp_path / "x.parquet")
    assert "gopher_quality.min_words" in fired[0]
    [written] = (tmp_path / "data" / DECISIONS.name).glob("**/*.parquet")
    rows = pq.read_table(written)
    assert rows.schema.names == DECISIONS.schema().names
    assert rows["fired"].to_pylist() == fired
    assert rows["keep"].to_pylist() == [not rules for rules in fired]
