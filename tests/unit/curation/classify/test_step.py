"""classify on hand-made runs: labels per unit, raters that are frozen, and configs that cannot be meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
import pytest

from midmix.curation.classify import step
from midmix.errors import DriftError
from midmix.table_manifest import load_manifest
from midmix.tables import ARTEFACTS, LABELS, LEDGER, STEPS, doc_key

MakeRun = Callable[..., Any]
WEB = [f"The story of day {i} is told by the people who were there and saw it all." for i in range(40)]
CODE = [f"def f{i}(x):\n    return x + {i}\n\nimport os\nclass A{i}:\n    pass\n" for i in range(40)]
RATERS = {"kind": {"train_on": ["web", "repos"]}, "quality": {"positive": ["repos"], "negative": ["web"]}}


@pytest.fixture
def run(make_run: MakeRun, part: Any) -> Any:
    parts = {0: part("web", [*WEB, ""]), 1: part("repos", CODE)}
    made = make_run(parts, sources={"web": "prose", "repos": "code"}, raters=RATERS)
    made.run(step, "classify")
    return made


def labels(run: Any, unit: str) -> dict[int, dict[str, Any]]:
    paths = load_manifest(run.folder, LABELS.name).paths(run.folder, unit=unit)
    return {
        row.pop("doc"): row for path in paths for row in pq.read_table(path, schema=LABELS.schema(unit)).to_pylist()
    }


def test_kind_language_and_quality(run: Any) -> None:
    kinds, languages, quality = (labels(run, unit) for unit in ("kind", "language", "quality"))
    assert set(kinds) == set(languages) == set(quality) and len(kinds) == 81
    story, code, empty = doc_key(0, 5), doc_key(1, 5), doc_key(0, 40)
    assert (kinds[story]["kind"], kinds[code]["kind"]) == ("prose", "code")
    assert languages[story]["language"] == "en" and languages[story]["language_confidence"] > 0.5
    assert quality[code]["quality"] > 0.9 > 0.1 > quality[story]["quality"]
    assert kinds[empty] == {"kind": None, "kind_confidence": None}
    assert languages[empty] == {"language": None, "language_confidence": None} and quality[empty] == {"quality": None}


def test_another_confidence_must_be_asked_for(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "KIND_CONFIDENCE", 1.01)
    with pytest.raises(DriftError, match=r"confidence was 0\.9, is 1\.01"):
        run.run(step, "classify")


def test_raters_are_artefacts_with_their_accuracy(run: Any) -> None:
    rows = {row["name"]: row for row in run.rows(ARTEFACTS)}
    assert {name: row["trained_on"] for name, row in rows.items()} == {
        "rater:kind": ["web", "repos"], "rater:quality": ["repos", "web"],
    }  # fmt: skip
    assert all(row["quality"] == 1.0 for row in rows.values())
    trained = {r["unit"]: r["text_bytes_read"] for r in run.rows(STEPS) if r["unit"].startswith("rater:")}
    assert set(trained) == set(rows) and all(trained.values())


def test_a_later_source_is_rated_by_the_frozen_model(run: Any, make_run: MakeRun, part: Any) -> None:
    before = {row["name"]: row["hash"] for row in run.rows(ARTEFACTS)}
    parts = {0: part("web", [*WEB, ""]), 1: part("repos", CODE), 2: part("late", ["def g(y):\n    return y"])}
    sources = {"web": "prose", "repos": "code", "late": "math"}
    grown = make_run(parts, sources=sources, raters=RATERS, name="grown")
    grown.run(step, "classify")
    assert {row["name"]: row["hash"] for row in grown.rows(ARTEFACTS)} == before
    assert labels(grown, "kind")[doc_key(2, 0)]["kind"] == "code"
    old = {(f.unit, f.part): f.sha256 for f in load_manifest(run.folder, LABELS.name).files}
    new = {(f.unit, f.part): f.sha256 for f in load_manifest(grown.folder, LABELS.name).files}
    assert old == {place: digest for place, digest in new.items() if place[1] != 2}


def test_without_raters_language_alone_is_written(make_run: MakeRun, part: Any) -> None:
    run = make_run({0: part("web", WEB[:2])}, sources={"web": "prose"})
    run.run(step, "classify")
    assert {f.unit for f in load_manifest(run.folder, LABELS.name).files} == {"language"}
    row = {"step": "classify", "source": "web", "rows_in": 2, "rows_kept": 2, "rows_dropped": 0, "rows_quarantined": 0}
    assert [r for r in run.rows(LEDGER) if r["step"] == "classify"] == [row]


def test_nothing_is_read_again(run: Any) -> None:
    run.run(step, "classify")
    rows = [r for r in run.rows(STEPS) if r["step"] == "classify"]
    assert {r["action"] for r in rows} == {"reused"} and sum(r["text_bytes_read"] for r in rows) == 0
