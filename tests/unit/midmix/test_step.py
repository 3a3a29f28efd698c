"""The step contract: units are fingerprinted, done once, redone when they must be, and refuse to drift."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from midmix.book import Book
from midmix.config import Config, parse_config
from midmix.errors import DriftError, StepError
from midmix.frozen import frozen_artefact
from midmix.step import Context
from midmix.table_files import publish_unit, read_table, read_unit, write_table
from midmix.table_manifest import Manifest, load_manifest, publish
from midmix.tables import ARTEFACTS, DROPS, LEDGER, PARTS, SPANS, STEPS
from midmix.task import ArtefactRecord, Output, Task, fingerprint


class InlinePool:
    """Runs tasks at once in this process, and counts them; `totals` are those that progress is told of."""

    def __init__(self) -> None:
        self.calls = 0
        self.totals: list[int] = []

    def map(self, function: Callable[..., None], calls: Sequence[tuple[Any, ...]], *, total: int, **_: Any) -> None:
        self.totals.append(total)
        for call in calls:
            self.calls += 1
            function(*call)


CONFIG: Config = parse_config({"sources": {"a": {"path": "a.parquet", "kind": "prose"}}}, base=Path("/nowhere"))


def publish_parts(folder: Path, hashes: Mapping[int, str]) -> None:
    rows = [
        {"part": i, "source": "a", "snapshot": None, "path": f"{i}.parquet", "stored": None, "file_hash": h,
         "first_row_group": 0, "num_row_groups": 1, "first_row": 0, "rows": 2, "text_bytes": 1_000_000, "text_column": "text"}
        for i, h in hashes.items()
    ]  # fmt: skip
    entry = write_table(folder, PARTS, pa.Table.from_pylist(rows, PARTS.schema()), stem="parts")
    publish(folder, Manifest("parts", (entry,)))


def context(folder: Path, pool: InlinePool, *, step: str = "score", version: int = 1, rerun: bool = False) -> Context:
    return Context(folder, CONFIG, step, version, pool, Book(folder, ("score", "dedup")), rerun=rerun)  # type: ignore[arg-type]


def write_spans(task: Task, output: Output) -> None:
    assert task.part is not None
    for unit in task.units:
        rows = [
            {
                "doc": task.part.id << 32,
                "start_byte": 0,
                "end_byte": 1,
                "reason": unit,
                "replacement": None,
                "producer": unit,
            }
        ]
        output.table(SPANS, pa.Table.from_pylist(rows, SPANS.schema()), unit=unit)
    output.count("a", 2, 1, {"rule.x": (1, 7)})
    output.read_text(10)


def do(ctx: Context, units: Mapping[str, Any]) -> None:
    ctx.per_part(write_spans, writes=(SPANS,), units=units)


def test_a_finished_unit_is_reused_and_a_new_unit_alone_is_done(tmp_path: Path) -> None:
    publish_parts(tmp_path, {0: "h0", 1: "h1"})
    pool = InlinePool()
    do(context(tmp_path, pool), {"one": {}})
    assert pool.calls == 2
    do(context(tmp_path, pool), {"one": {}})
    assert pool.calls == 2
    do(context(tmp_path, pool), {"one": {}, "two": {}})
    assert pool.calls == 4
    assert [(f.part, f.unit) for f in load_manifest(tmp_path, "spans").files] == [
        (0, "one"),
        (1, "one"),
        (0, "two"),
        (1, "two"),
    ]


def test_parts_with_nothing_asked_of_them_are_no_tasks(tmp_path: Path) -> None:
    publish_parts(tmp_path, {0: "h0", 1: "h1"})
    pool = InlinePool()
    do(context(tmp_path, pool), {"one": {}})
    do(context(tmp_path, pool, step="dedup"), {})
    assert pool.totals == [2, 0]


def test_a_changed_file_is_redone_and_a_missing_output_too(tmp_path: Path) -> None:
    publish_parts(tmp_path, {0: "h0", 1: "h1"})
    pool = InlinePool()
    do(context(tmp_path, pool), {"one": {}})
    publish_parts(tmp_path, {0: "h0", 1: "changed"})
    do(context(tmp_path, pool), {"one": {}})
    assert pool.calls == 3
    (tmp_path / load_manifest(tmp_path, "spans").files[0].path).unlink()
    do(context(tmp_path, pool), {"one": {}})
    assert pool.calls == 4


def test_other_settings_over_text_are_refused_with_the_difference_and_the_price(tmp_path: Path) -> None:
    publish_parts(tmp_path, {0: "h0", 1: "h1"})
    pool = InlinePool()
    do(context(tmp_path, pool), {"one": {"words": {"lower": True}}})
    with pytest.raises(DriftError, match=r"words\.lower was true, is false.*2\.0 MB of text in 2 parts.*--rerun"):
        do(context(tmp_path, pool), {"one": {"words": {"lower": False}}})
    with pytest.raises(DriftError, match=r"version was 1, is 2"):
        do(context(tmp_path, pool, version=2), {"one": {"words": {"lower": True}}})
    do(context(tmp_path, pool, rerun=True), {"one": {"words": {"lower": False}}})
    assert pool.calls == 4


def gather_parts(task: Task, output: Output) -> None:
    output.table(SPANS, SPANS.schema().empty_table(), stem="none")


def test_a_gather_is_made_again_when_a_setting_or_an_input_changes(tmp_path: Path) -> None:
    publish_parts(tmp_path, {0: "h0"})
    pool = InlinePool()
    for settings, hashes, calls in (
        ({}, {0: "h0"}, 1),
        ({}, {0: "h0"}, 1),
        ({"x": 1}, {0: "h0"}, 2),
        ({"x": 1}, {0: "h1"}, 3),
    ):
        publish_parts(tmp_path, hashes)
        context(tmp_path, pool).gather(gather_parts, writes=(SPANS,), settings=settings, reads=(PARTS,))
        assert pool.calls == calls


def test_what_others_publish_of_a_table_stays_when_its_step_makes_it_anew(tmp_path: Path) -> None:
    publish_parts(tmp_path, {0: "h0"})
    publish_unit(tmp_path, SPANS, "outside", spans("theirs"))
    pool = InlinePool()
    for settings in ({}, {"x": 1}):
        context(tmp_path, pool).gather(
            gather_parts, writes=(SPANS,), settings=settings, reads=(PARTS,), later=("outside",)
        )
        assert read_table(tmp_path, SPANS)["reason"].to_pylist() == ["theirs"]
    publish_unit(tmp_path, SPANS, "outside", spans("theirs", "more"))
    assert read_unit(tmp_path, SPANS, "outside")["reason"].to_pylist() == ["theirs", "more"]
    assert [f.unit for f in load_manifest(tmp_path, "spans").files] == ["", "outside"]
    context(tmp_path, pool).gather(gather_parts, writes=(SPANS,), settings={}, reads=(PARTS,))
    assert [f.unit for f in load_manifest(tmp_path, "spans").files] == [""]


def spans(*reasons: str) -> pa.Table:
    row = {"doc": 0, "start_byte": 0, "end_byte": 1, "replacement": None, "producer": "p"}
    return pa.Table.from_pylist([row | {"reason": reason} for reason in reasons], SPANS.schema())


def test_rows_must_reconcile(tmp_path: Path) -> None:
    output = Output(tmp_path, "p00000000", 0)
    with pytest.raises(StepError, match="3 rows came in, but 1 kept \\+ 1 dropped \\+ 0 quarantined are 2"):
        output.count("a", 3, 1, {"rule": (1, 5)})


def test_the_ledger_counts_each_row_once_whatever_the_number_of_units(tmp_path: Path) -> None:
    publish_parts(tmp_path, {0: "h0", 1: "h1"})
    ctx = context(tmp_path, InlinePool())
    do(ctx, {"one": {}, "two": {}})
    ctx.book.close_step("score")
    assert read_table(tmp_path, LEDGER).to_pylist() == [
        {"step": "score", "source": "a", "rows_in": 4, "rows_kept": 2, "rows_dropped": 2, "rows_quarantined": 0}
    ]
    assert read_table(tmp_path, DROPS).to_pylist() == [
        {"step": "score", "source": "a", "reason": "rule.x", "documents": 2, "bytes": 14}
    ]


def test_steps_tell_done_from_reused_and_count_text_once(tmp_path: Path) -> None:
    publish_parts(tmp_path, {0: "h0"})
    for action, text in (("done", 10), ("reused", 0)):
        ctx = context(tmp_path, InlinePool())
        do(ctx, {"one": {}, "two": {}})
        ctx.book.close_step("score")
        rows = read_table(tmp_path, STEPS).to_pylist()
        assert {row["action"] for row in rows} == {action}
        assert sum(row["text_bytes_read"] for row in rows) == text


def test_an_artefact_is_made_once_and_never_trained_again_silently(tmp_path: Path) -> None:
    made: list[int] = []

    def make(path: Path) -> ArtefactRecord:
        made.append(1)
        path.write_bytes(b"model")
        return ArtefactRecord(0.9, {"documents": 3})

    publish_parts(tmp_path, {})
    for _ in range(2):
        path = frozen_artefact(context(tmp_path, InlinePool()), "rater:kind", {"dim": 8}, ["a"], make)
        assert path.read_bytes() == b"model"
    assert len(made) == 1
    with pytest.raises(DriftError, match=r"rater:kind is frozen.*--rerun"):
        frozen_artefact(context(tmp_path, InlinePool()), "rater:kind", {"dim": 16}, ["a"], make)
    (row,) = read_table(tmp_path, ARTEFACTS).to_pylist()
    assert (row["trained_on"], row["quality"], json.loads(row["record"])["made"]) == (["a"], 0.9, {"documents": 3})


class LatePool(InlinePool):
    """Tasks are done, and then a rank of an earlier, killed run puts its records in the place of theirs."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.late = {path: path.read_bytes() for path in (folder / "records").rglob("*.json")}

    def map(self, function: Callable[..., None], calls: Sequence[tuple[Any, ...]], **options: Any) -> None:
        super().map(function, calls, **options)
        for path, record in self.late.items():
            path.write_bytes(record)


def test_a_late_record_of_an_earlier_run_is_never_published_and_costs_its_work_alone(tmp_path: Path) -> None:
    publish_parts(tmp_path, {0: "h0", 1: "h1"})
    do(context(tmp_path, InlinePool()), {"one": {"n": 1}})
    before = load_manifest(tmp_path, "spans")
    late = LatePool(tmp_path)
    with pytest.raises(StepError, match="finished without a record of its own; run it again"):
        do(context(tmp_path, late, rerun=True), {"one": {"n": 2}})
    assert late.calls == 2 and load_manifest(tmp_path, "spans") == before
    again = InlinePool()
    do(context(tmp_path, again, rerun=True), {"one": {"n": 2}})
    assert again.calls == 2
    do(context(tmp_path, again), {"one": {"n": 2}})
    assert again.calls == 2


def test_a_fingerprint_does_not_depend_on_the_order_of_keys() -> None:
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
