"""Runs made elsewhere, taken into a run folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from midmix.errors import InputError
from midmix.mixer.results import held
from midmix.mixer.results.add import Added, add_results
from midmix.table_files import read_table, write_table
from midmix.table_manifest import Manifest, publish
from midmix.tables import DESIGNS, LOSSES

ROWS = [
    {"name": "a", "weight:web": 0.75, "weight:code": 0.25, "set:gold": 1.5, "parameters": "190M", "tokens": "4B"},
    {"name": "b", "run": 1, "set:gold": 1.25, "gold_other": 3, "parameters": "190M", "tokens": "4B", "seed": 3},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of two designed mixtures, of which nothing was trained."""
    run = tmp_path / "run"
    (run / "state").mkdir(parents=True)
    config = {
        "sources": {name: {"path": f"{name}.jsonl", "kind": "prose"} for name in ("web", "code")},
        "mixture": {"tokens": 10, "targets": {"gold": {"set": "gold.jsonl"}}},
    }
    state = {"config": config, "base": "..", "base_was": str(tmp_path)}
    (run / "state" / "config.json").write_text(json.dumps(state))
    rows = [
        {"run": i, "role": "natural", "stage": "main", "seed": 0, "domain": domain, "weight": weight}
        for i, web in enumerate((0.5, 0.9))
        for domain, weight in (("code", 1 - web), ("web", web))
    ]
    entry = write_table(run, DESIGNS, pa.Table.from_pylist(rows, DESIGNS.schema()), stem="designs")
    publish(run, Manifest(DESIGNS.name, (entry,)))
    return run


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(*rows: dict[str, Any], name: str = "runs.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return written


def add(folder: Path, *files: Path, **options: Any) -> Added:
    return add_results(folder, files, origin="olmo", defaults={}, **options)


def outside(folder: Path) -> tuple[dict[int, dict[str, float]], list[dict[str, Any]]]:
    """Mixtures and losses of runs made elsewhere."""
    mixtures: dict[int, dict[str, float]] = {}
    for row in read_table(folder, DESIGNS).to_pylist():
        if row["role"] == "outside":
            mixtures.setdefault(row["run"], {})[row["domain"]] = row["weight"]
    return mixtures, read_table(folder, LOSSES).to_pylist()


def test_mixtures_come_from_the_row_or_from_the_designs_run(folder: Path, write: Write) -> None:
    added = add(folder, write(*ROWS))
    assert added.rows == {"new": 2} and not added.bad
    mixtures, losses = outside(folder)
    assert mixtures == {1_000_000: {"code": 0.25, "web": 0.75}, 1_000_001: {"code": pytest.approx(0.1), "web": 0.9}}
    assert [(r["run"], r["name"], r["metric"], r["unit"], r["value"], r["seed"]) for r in losses] == [
        (1_000_000, "a", "set:gold", "bits_per_byte", 1.5, 0),
        (1_000_001, "b", "set:gold", "bits_per_byte", 1.25, 3),
    ]
    assert {(r["origin"], r["shape"], r["parameters"], r["tokens"]) for r in losses} == {
        ("olmo", "190M", 190_000_000, 4_000_000_000)
    }


def test_the_same_file_again_changes_nothing(folder: Path, write: Write) -> None:
    file = write(*ROWS)
    add(folder, file)
    before = [(folder / "tables" / f"{t.name}.json").read_bytes() for t in (DESIGNS, LOSSES)]
    assert add(folder, file).rows == {"known": 2}
    assert [(folder / "tables" / f"{t.name}.json").read_bytes() for t in (DESIGNS, LOSSES)] == before


def test_the_designs_own_rows_stay(folder: Path, write: Write) -> None:
    own = read_table(folder, DESIGNS).to_pylist()
    add(folder, write(*ROWS))
    assert read_table(folder, DESIGNS).to_pylist()[:4] == own


def test_a_crash_between_the_two_tables_is_mended_by_the_same_call(
    folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(folder, write(ROWS[1], name="first.jsonl"))
    whole = held.publish_unit

    def crash(where: Path, table: Any, unit: str, data: pa.Table) -> None:
        if table is LOSSES:
            raise RuntimeError("power cut")
        whole(where, table, unit, data)

    file = write(*ROWS)
    monkeypatch.setattr(held, "publish_unit", crash)
    with pytest.raises(RuntimeError, match="power cut"):
        add(folder, file)
    assert [row["name"] for row in outside(folder)[1]] == ["b"]
    monkeypatch.setattr(held, "publish_unit", whole)
    assert add(folder, file).rows == {"new": 1, "known": 1}
    mixtures, losses = outside(folder)
    assert [(r["run"], r["name"]) for r in losses] == [(1_000_000, "b"), (1_000_001, "a")]
    assert set(mixtures) == {1_000_000, 1_000_001}


def test_bad_rows_are_named_and_the_rest_goes_in(folder: Path, write: Write) -> None:
    bad = [
        ROWS[0] | {"name": "sum", "weight:web": 0.5},
        ROWS[0] | {"name": "size", "parameters": "big"},
        {key: value for key, value in ROWS[0].items() if key != "tokens"},
        ROWS[1] | {"run": 7},
        {"name": "none", "parameters": 1, "tokens": 1, "set:gold": 1.0},
        {key: value for key, value in ROWS[0].items() if key != "set:gold"},
    ]
    file = write(*bad, ROWS[0])
    with file.open("a") as stream:
        stream.write("{broken\n")
    added = add(folder, file)
    assert added.rows == {"new": 1}
    said = sorted(str(row).removeprefix(f"{file}:") for row in added.bad)
    assert [line[:2] for line in said] == ["1:", "2:", "3:", "4:", "5:", "6:", "8:"]
    for line, words in zip(
        said,
        ("sum to 0.7500", "'BIG', expected a number", "has no tokens", "run 7 is none of the design's", "has no mixture",
         "has no metric", "is no JSON"),
        strict=True,
    ):  # fmt: skip
        assert words in line


def test_other_values_for_a_known_run_are_refused_unless_they_replace(folder: Path, write: Write) -> None:
    add(folder, write(*ROWS))
    other = write(ROWS[0] | {"set:gold": 1.4}, ROWS[1] | {"seed": 4}, name="other.jsonl")
    added = add(folder, other)
    assert [str(row).partition(": ")[2] for row in added.bad] == [
        "run a: set:gold is 1.4, but 1.5 is there at that step",
        "run b: seed is 4, but 3 is there",
    ]
    assert add(folder, other, replace=True).rows == {"new": 2}
    assert [(row["value"], row["seed"]) for row in outside(folder)[1]] == [(1.4, 0), (1.25, 4)]


def test_a_later_step_of_a_run_joins_it(folder: Path, write: Write) -> None:
    add(folder, write(ROWS[0] | {"step": 10, "tokens": "2B"}))
    assert add(folder, write(ROWS[0] | {"step": 20}, name="more.jsonl")).rows == {"grown": 1}
    assert [(r["run"], r["step"], r["tokens"]) for r in outside(folder)[1]] == [
        (1_000_000, 10, 2_000_000_000), (1_000_000, 20, 4_000_000_000)
    ]  # fmt: skip


def test_a_unit_that_is_not_fitted_is_kept_and_said(folder: Path, write: Write) -> None:
    added = add(folder, write(ROWS[0] | {"unit": "nats_per_token"}, ROWS[1] | {"unit": "accuracy"}))
    assert added.other_unit == 1 and added.rows == {"new": 1}
    assert "unit is 'accuracy', expected bits_per_byte or nats_per_token" in str(added.bad[0])
    assert [row["unit"] for row in outside(folder)[1]] == ["nats_per_token"]


def test_csv_and_parquet_say_the_same(folder: Path, tmp_path: Path) -> None:
    table = pa.Table.from_pylist([ROWS[0] | {"domain:web": 2.0}])
    pq.write_table(table, tmp_path / "r.parquet")
    header, values = zip(*(ROWS[0] | {"domain:web": 2.0}).items(), strict=True)
    (tmp_path / "r.csv").write_text(f"{','.join(header)}\n{','.join(map(str, values))}\n")
    assert add(folder, tmp_path / "r.parquet").rows == {"new": 1}
    assert add(folder, tmp_path / "r.csv").rows == {"known": 1}


def test_nested_objects_of_json_are_weights_and_metrics(folder: Path, write: Write) -> None:
    row = {"weights": {"web": 1.0}, "metrics": {"gold": 1.0, "domain:web": 2.0}, "parameters": 1, "tokens": 2}
    add(folder, write(row))
    mixtures, losses = outside(folder)
    assert list(mixtures.values()) == [{"code": 0.0, "web": 1.0}]
    assert [r["metric"] for r in losses] == ["domain:web", "set:gold"]
    assert len(losses[0]["name"]) == 12  # named after what it is


def test_a_column_that_names_no_domain_is_refused(folder: Path, write: Write) -> None:
    with pytest.raises(InputError, match=r"weight:coed names no domain of the run; did you mean 'code'"):
        add(folder, write({"weight:coed": 1.0, "set:gold": 1.0, "parameters": 1, "tokens": 1}))
    assert outside(folder) == ({}, [])
