"""decontaminate on hand-made runs: leaks of benchmarks and of the run's own sets, growth, clean text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midmix.curation.decontaminate import step
from midmix.errors import ConfigError, DriftError, InputError
from midmix.tables import CONTAMINATION, EVALUATION_ITEMS, LEDGER, format_key

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
    assert [(r["set"], r["role"], r["item"], r["detectable"]) for r in run.rows(EVALUATION_ITEMS)] == [
        ("plain", "retain", 0, False), ("plain", "retain", 1, True), ("words", "target", 0, True),
    ]  # fmt: skip
    assert sorted(leaked(run)) == [
        ("0:0", "words", 0, "question", 1.0), ("0:1", "plain", 1, "answer", 1.0), ("1:1", "words", 0, "question", 1.0),
    ]  # fmt: skip
    assert [(r["source"], r["rows_in"], r["rows_kept"]) for r in run.rows(LEDGER)] == [("books", 2, 2), ("web", 2, 2)]


def test_text_is_read_once_for_all_sets_and_again_for_a_new_one_alone(run: Any, tmp_path: Path) -> None:
    run.run(step, "decontaminate")
    assert actions(run) == {
        ("all-write_items", ""): ("done", False),
        ("p00000000", "words"): ("done", True), ("p00000000", "plain"): ("done", False),
        ("p00000001", "words"): ("done", True), ("p00000001", "plain"): ("done", False),
    }  # fmt: skip
    before = leaked(run)
    bench = write_items(
        tmp_path / "b.jsonl", {"prompt": "x", "answer": "nothing of the kind at all"}, {"text": "Nothing of the kind"}
    )
    run.config = run.config.model_copy(update={"benchmarks": {"bench": bench}, "leaks": run.config.leaks})
    run.run(step, "decontaminate")
    done = {key for key, (action, _) in actions(run).items() if action == "done"}
    assert done == {("all-write_items", ""), ("p00000000", "bench"), ("p00000001", "bench")}
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
