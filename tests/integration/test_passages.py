"""Repeated lines, paragraphs and substrings, from text to text: who keeps them, what is cut, and growth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import midmix
from midmix.config import parse_config
from midmix.flow import steps_between
from midmix.run import Run
from midmix.runner import run_steps

SHARED = "Subscribe to our newsletter to hear of all that is new, and never miss a thing again."
Runner = Callable[..., Run]


def own(number: int) -> str:
    """A line of no other document."""
    return " ".join(f"word{number}x{i}" for i in range(12 + number))


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    """Runs to `apply` without rules over files of texts."""

    def do(files: dict[str, list[str]], passages: dict[str, Any], folder: str = "run", **sections: Any) -> Run:
        for name, texts in files.items():
            (tmp_path / name).mkdir(exist_ok=True)
            pq.write_table(pa.table({"text": texts}), tmp_path / name / "a.parquet")
        sources = {name: {"path": f"{name}/*.parquet", "kind": "prose"} for name in files}
        values = {"sources": sources, "rules": {"prose": []}, "edits": ["pii.email"], "passages": passages, **sections}
        config = parse_config(values, base=tmp_path)
        run_steps(config, tmp_path / folder, steps_between(None, "apply"), workers=1, quiet=True)
        return midmix.open(tmp_path / folder)

    return do


def texts(run: Run) -> list[str]:
    return [text for (text,) in run.sql("SELECT text FROM curated ORDER BY doc").fetchall()]


def test_a_line_stays_with_the_first_kept_document_and_goes_from_the_others(run: Runner) -> None:
    short, middle, long = f"{SHARED}\n{own(1)}", f"{own(2)}\n {SHARED}\n{own(3)}", f"{own(20)}\n{SHARED}"
    made = run({"web": [short, middle, long]}, {"lines": {"min_bytes": 40}})
    # The longest text comes first in survivor order.
    assert texts(made) == [own(1), f"{own(2)}\n{own(3)}", long]
    cut = made.sql("SELECT reason, documents, bytes FROM drops WHERE step = 'apply'").fetchall()
    assert cut == [("edit.repeated.line", 0, 2 * len(SHARED) + 3)]


def test_a_dropped_document_keeps_no_line_from_the_others(run: Runner) -> None:
    first, second = f"{own(20)}\n{SHARED}\ndrop me", f"{own(1)}\n{SHARED}"
    long_goes = {"rule_sets": {"mine": {"too_long": "num_bytes > 300"}}, "rules": {"prose": ["mine"]}}
    made = run({"web": [first, second]}, {"lines": {"min_bytes": 40}}, **long_goes)
    assert texts(made) == [second]


def test_paragraphs_of_code_stay_and_what_is_only_counted_stays(run: Runner) -> None:
    both = [f"{own(1)}\n\n{SHARED}\n{SHARED[::-1]}\n\n{own(2)}", f"{SHARED}\n{SHARED[::-1]}\n\n{own(9)}"]
    counted = run({"web": both}, {"paragraphs": {"min_bytes": 40, "action": "count"}})
    assert texts(counted) == both
    assert counted.sql("SELECT unit, documents FROM repeated_passages").fetchall() == [("paragraph", 2)] * 2
    code = run({"web": both}, {"paragraphs": {"min_bytes": 40, "kinds": ["code"]}}, "other")
    assert texts(code) == both and code.sql("SELECT count(*) FROM repeated_passages").fetchall() == [(0,)]


def test_substrings_are_cut_in_raw_bytes_beside_the_edits(run: Runner) -> None:
    core = " ".join(f"same{i}é" for i in range(12))
    first, second = f"{own(30)} {core} end", f"ask me@example.com {core} tail"
    made = run({"web": [first, second]}, {"substrings": {"min_bytes": 50}})
    kept, cut = texts(made)
    assert kept == first
    assert cut == "ask email@example.comtail"


def test_a_source_that_comes_later_gives_the_same_as_all_at_once(run: Runner, tmp_path: Path) -> None:
    passages = {"lines": {"min_bytes": 40}, "substrings": {"min_bytes": 60}}
    web = {"web": [f"{SHARED}\n{own(1)}", f"{own(2)} {SHARED}"]}
    books = {"books": [f"{own(30)}\n{SHARED}", f"{own(5)} and {SHARED} {own(6)}"]}
    run(web, passages, "grown")
    grown, whole = run(web | books, passages, "grown"), run(web | books, passages, "whole")
    for name in ("repeated_passages", "cuts", "curated"):
        digests = [(f / "tables" / f"{name}.json").read_bytes() for f in (tmp_path / "grown", tmp_path / "whole")]
        assert digests[0] == digests[1], name
    read = grown.sql(
        "SELECT step, item FROM steps WHERE text_bytes_read > 0 AND action = 'done' AND item = 'p00000000'"
    )
    assert {step for step, _ in read.fetchall()} <= {"passages", "apply"}  # windows and cuts that the newcomer brought
    assert len(texts(whole)) == 4
