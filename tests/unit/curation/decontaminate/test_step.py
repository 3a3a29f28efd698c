"""decontaminate on hand-made runs: leaks of benchmarks and of the run's own sets, growth, clean text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midmix.config import Benchmark, Leaks
from midmix.curation.decontaminate import step
from midmix.errors import ConfigError, DriftError, InputError
from midmix.tables import CONTAMINATION, EVALUATION_ITEMS, ITEM_COVERAGE, LEDGER, format_key

MakeRun = Callable[..., Any]
GOLD = "A train leaves at noon and runs at 60 miles an hour; when does it arrive 90 miles away?"
MAIL = "Write to someone at the usual place and ask them to send the parcel by Monday at the latest please"


def write_items(path: Path, *rows: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def leaked(run: Any) -> list[tuple[str, str, int, str, float]]:
    rows = run.rows(CONTAMINATION)
    return [(format_key(r["doc"]), r["set"], r["item"], r["field"], r["overlap"]) for r in rows]


@pytest.fixture
def run(make_run: MakeRun, part: Any, tmp_path: Path) -> Any:
    mixture = {
        "tokens": 1000,
        "targets": {"words": {"set": write_items(tmp_path / "t.jsonl", {"question": GOLD, "answer": "1:30"})}},
        "retain": {"plain": {"set": write_items(tmp_path / "r.jsonl", {"text": "no"}, {"text": MAIL})}},
    }
    texts = [f"See: {GOLD} (solved below)", MAIL.replace("someone", "a@b.org"), "nothing of the kind"]
    spans = [(1, texts[1].index("a@b.org"), texts[1].index("a@b.org") + 7, "pii.email", "someone")]
    parts = {0: part("web", texts[:2], spans=spans), 1: part("books", [texts[2], GOLD.lower()])}
    return make_run(parts, sources={"web": "prose", "books": "prose"}, mixture=mixture)


def actions(run: Any) -> dict[tuple[str, str], tuple[str, bool]]:
    """(item, unit) to what was done and whether text was read."""
    rows = run.books["decontaminate"].rows
    return {(r["item"], r["unit"]): (r["action"], r["text_bytes_read"] > 0) for r in rows}


def test_items_and_leaks(run: Any) -> None:
    run.run(step, "decontaminate")
    assert [(r["set"], r["role"], r["item"]) for r in run.rows(EVALUATION_ITEMS)] == [
        ("plain", "retain", 0), ("plain", "retain", 1), ("words", "target", 0),
    ]  # fmt: skip
    assert [(r["set"], r["item"], r["field"], r["detectable"]) for r in run.rows(ITEM_COVERAGE)] == [
        ("plain", 0, "answer", False), ("plain", 1, "answer", True), ("words", 0, "answer", False),
        ("words", 0, "question", True),
    ]  # fmt: skip
    assert sorted(leaked(run)) == [
        ("0:0", "words", 0, "question", 1.0), ("0:1", "plain", 1, "answer", 1.0), ("1:1", "words", 0, "question", 1.0),
    ]  # fmt: skip
    assert [(r["source"], r["rows_in"], r["rows_kept"]) for r in run.rows(LEDGER)] == [("books", 2, 2), ("web", 2, 2)]


def test_text_is_read_once_for_all_sets_and_again_for_a_new_one_alone(run: Any, tmp_path: Path) -> None:
    run.run(step, "decontaminate")
    assert actions(run) == {
        ("all-write_items", ""): ("done", False), ("all-write_coverage", ""): ("done", False),
        ("p00000000", "words"): ("done", True), ("p00000000", "plain"): ("done", False),
        ("p00000001", "words"): ("done", True), ("p00000001", "plain"): ("done", False),
    }  # fmt: skip
    before = leaked(run)
    bench = write_items(
        tmp_path / "b.jsonl", {"prompt": "x", "answer": "nothing of the kind at all"}, {"text": "Nothing of the kind"}
    )
    run.config = run.config.model_copy(update={"benchmarks": {"bench": Benchmark(path=bench)}})
    run.run(step, "decontaminate")
    done = {key for key, (action, _) in actions(run).items() if action == "done"}
    assert done == {
        ("all-write_items", ""), ("all-write_coverage", ""), ("p00000000", "bench"), ("p00000001", "bench"),
    }  # fmt: skip
    assert [row for row in leaked(run) if row[1] != "bench"] == before
    assert [row for row in leaked(run) if row[1] == "bench"] == []


def test_a_changed_set_is_refused_without_a_rerun(run: Any, tmp_path: Path) -> None:
    run.run(step, "decontaminate")
    write_items(tmp_path / "t.jsonl", {"question": MAIL, "answer": "1"})
    with pytest.raises(DriftError, match="words"):
        run.run(step, "decontaminate")


def test_no_sets(make_run: MakeRun, part: Any) -> None:
    run = make_run({0: part("web", [GOLD])}, sources={"web": "prose"})
    run.run(step, "decontaminate")
    assert run.rows(EVALUATION_ITEMS) == []
    assert leaked(run) == []


def test_a_missing_set_is_named(make_run: MakeRun, part: Any) -> None:
    run = make_run({0: part("web", [GOLD])}, sources={"web": "prose"}, benchmarks={"gone": "gone.jsonl"})
    with pytest.raises(InputError, match=r"gone\.jsonl: No such file"):
        run.run(step, "decontaminate")


def test_an_unknown_kind_of_url_is_named(make_run: MakeRun, part: Any) -> None:
    run = make_run({0: part("web", [GOLD])}, sources={"web": "prose"}, benchmarks={"far": "nowhere://a/b.jsonl"})
    with pytest.raises(ConfigError, match="nowhere://a/b"):
        run.run(step, "decontaminate")


def test_places_are_in_the_raw_text(make_run: MakeRun, part: Any, tmp_path: Path) -> None:
    """Before them the text lost and gained bytes: they stand where the item stands in the file."""
    raw = "x@y.zz " * 3 + MAIL.replace("someone", "a@b.org") + " bye"
    at = raw.index("a@b.org")
    spans = [(0, 7 * n, 7 * n + 6, "pii.email", "somebody at a place") for n in range(3)]
    parts = {0: part("web", [raw], spans=[*spans, (0, at, at + 7, "pii.email", "someone")])}
    bench = write_items(tmp_path / "b.jsonl", {"text": MAIL})
    run = make_run(parts, sources={"web": "prose"}, benchmarks={"bench": bench})
    run.run(step, "decontaminate")
    [row] = run.rows(CONTAMINATION)
    assert raw[row["start_byte"] : row["end_byte"]] == raw[raw.index("Write") : -4]


def test_ngrams_are_units_of_their_own(run: Any) -> None:
    run.run(step, "decontaminate")
    before = run.rows(CONTAMINATION)
    run.config = run.config.model_copy(update={"leaks": Leaks(ngrams={5: "mark"})})
    run.run(step, "decontaminate")
    done = {key for key, (action, _) in actions(run).items() if action == "done" and key[0].startswith("p0")}
    assert done == {(f"p0000000{part}", f"{name}+5-gram") for part in (0, 1) for name in ("words", "plain")}
    rows = run.rows(CONTAMINATION)
    assert [row for row in rows if row["layer"] == "alignment"] == before
    assert {(r["set"], r["rule"]) for r in rows if r["layer"] == "5-gram"} == {("words", "exact"), ("plain", "exact")}
    assert {r["layer"] for r in run.rows(ITEM_COVERAGE)} == {"alignment", "5-gram"}
    whole = rows
    for record in (run.folder / "records").rglob("p0*.json"):
        record.unlink()
    run.run(step, "decontaminate")
    assert run.rows(CONTAMINATION) == whole


def test_one_split_of_a_benchmark(run: Any, tmp_path: Path) -> None:
    bench = write_items(
        tmp_path / "b.jsonl",
        {"question": GOLD, "answer": "1", "split": "train"},
        {"question": MAIL, "answer": "2", "split": "test"},
    )
    run.config = run.config.model_copy(update={"benchmarks": {"bench": Benchmark(path=bench, split="test")}})
    run.run(step, "decontaminate")
    assert [(r["item"], r["split"]) for r in run.rows(EVALUATION_ITEMS) if r["set"] == "bench"] == [(1, "test")]
    assert {r["item"] for r in run.rows(CONTAMINATION) if r["set"] == "bench"} == {1}
