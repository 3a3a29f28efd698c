"""Raters that rest on cheaper columns: who is rated, why others are not, what is read, and what is done again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from midmix.columns import labels_of
from midmix.config import parse_config
from midmix.curation.classify import step
from midmix.curation.classify.fasttext_rater import RaterSettings, train_rater
from midmix.curation.classify.sample import Sample
from midmix.errors import ConfigError, DriftError, InputError
from midmix.table_files import write_table
from midmix.table_manifest import load_manifest, publish
from midmix.tables import ARTEFACTS, LABELS, LEDGER, SCORES, STEPS, doc_key

MakeRun = Callable[..., Any]
STORY = [f"the people of the night river {i}" for i in range(30)]
MATH = [f"lemma proof theorem sum equals {i}" for i in range(30)]
SOURCES = {"web": "prose", "proofs": "math"}
SHORT = {row: {"num_words": 5} for row in range(0, 30, 2)}


@pytest.fixture
def grow(make_run: MakeRun, part: Any, tmp_path: Path) -> Callable[..., Any]:
    """Makes the run of two parts, or gives it another config; then runs classify."""
    made: dict[str, Any] = {}

    def run(raters: dict[str, Any], **config: Any) -> Any:
        if not made:
            parts = {0: part("web", [*STORY, " "], scores=SHORT), 1: part("proofs", MATH, scores=SHORT)}
            made["run"] = make_run(parts, sources=SOURCES, raters=raters, **config)
        else:
            values = made["run"].config.model_dump(exclude_unset=True) | {"raters": raters} | config
            base = made["run"].config.base
            made["run"].config = parse_config(values, base=base)
        made["run"].run(step, "classify")
        return made["run"]

    return run


def labels(run: Any, unit: str) -> dict[int, dict[str, Any]]:
    table = labels_of(run.config)
    paths = load_manifest(run.folder, LABELS.name).paths(run.folder, unit=unit)
    return {row.pop("doc"): row for path in paths for row in pq.read_table(path, schema=table.schema(unit)).to_pylist()}


def done(run: Any) -> dict[tuple[str, str], int]:
    """(unit, item) of what the last run did, and the bytes of text that it read."""
    rows = [row for row in run.rows(STEPS) if row["step"] == "classify" and row["action"] == "done"]
    return {(row["unit"], row["item"]): row["text_bytes_read"] for row in rows if row["item"] != "all-audit"}


def test_a_given_model_says_a_class_or_a_probability(grow: Any, fasttext_model: Path) -> None:
    model = str(fasttext_model)
    run = grow({"topic": {"model": model}, "mathy": {"model": model, "label": "__label__math"}})
    topics, numbers = labels(run, "topic"), labels(run, "mathy")
    assert len(topics) == len(numbers) == 61
    for doc, expected in ((doc_key(0, 5), "story"), (doc_key(1, 5), "math")):
        assert topics[doc]["topic"] == expected and topics[doc]["topic_confidence"] > 0.9
        assert (numbers[doc]["mathy"] > 0.9) == (expected == "math")
        assert topics[doc]["topic_skipped"] is numbers[doc]["mathy_skipped"] is None
    assert topics[doc_key(0, 30)] == {"topic": None, "topic_confidence": None, "topic_skipped": "no word"}
    assert numbers[doc_key(0, 30)] == {"mathy": None, "mathy_skipped": "no word"}


def test_a_class_below_the_confidence_is_not_given(grow: Any, fasttext_model: Path) -> None:
    run = grow({"topic": {"model": str(fasttext_model), "min_confidence": 1.0}})
    rows = list(labels(run, "topic").values())
    assert {row["topic_skipped"] for row in rows if row["topic"] is None} == {"low confidence", "no word"}
    assert all(row["topic_confidence"] < 1 for row in rows if row["topic_skipped"] == "low confidence")


def test_where_leaves_the_others_null_with_a_reason(grow: Any, fasttext_model: Path) -> None:
    run = grow(
        {"mathy": {"model": str(fasttext_model), "label": "math", "where": "num_words > 50 OR source = 'proofs'"}}
    )
    rows = labels(run, "mathy")
    assert rows[doc_key(0, 2)] == {"mathy": None, "mathy_skipped": "where"}
    assert rows[doc_key(0, 3)]["mathy"] < 0.5 and rows[doc_key(1, 2)]["mathy"] > 0.5
    assert rows[doc_key(0, 30)] == {"mathy": None, "mathy_skipped": "no word"}
    assert {row["rows_in"] for row in run.rows(LEDGER)} == {31, 30}


def test_a_new_rater_reads_text_for_itself_alone(grow: Any, fasttext_model: Path) -> None:
    run = grow({"topic": {"model": str(fasttext_model)}})
    before = {(f.unit, f.part): f.sha256 for f in load_manifest(run.folder, "labels").files}
    fine = {"model": str(fasttext_model), "label": "math", "where": "topic = 'math' AND num_words > 50"}
    run = grow({"topic": {"model": str(fasttext_model)}, "fine": fine})
    assert {unit for unit, _ in done(run)} == {"fine"}
    read = {item: size for (_, item), size in done(run).items()}
    assert read["p00000000"] == 0 and 0 < read["p00000001"] < sum(map(len, MATH))
    after = {(f.unit, f.part): f.sha256 for f in load_manifest(run.folder, "labels").files}
    assert {place: after[place] for place in before} == before
    assert sum(row["fine"] is not None for row in labels(run, "fine").values()) == 15
    assert {r["rows_in"] for r in run.rows(LEDGER)} == {31, 30}


def test_a_part_without_a_chosen_row_opens_no_text(
    grow: Any, fasttext_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow({})
    opened: list[int] = []
    read_rows = step.read_rows
    monkeypatch.setattr(step, "read_rows", lambda part, rows: opened.append(part.id) or read_rows(part, rows))
    grow({"fine": {"model": str(fasttext_model), "label": "math", "where": "kind = 'math' AND num_words > 50"}})
    assert opened == [1]


def test_a_cascade_made_at_once_equals_one_that_grew(
    grow: Any, make_run: MakeRun, part: Any, fasttext_model: Path
) -> None:
    topic = {"model": str(fasttext_model)}
    fine = {"model": str(fasttext_model), "label": "math", "where": "topic_confidence > 0.5 AND language IS NOT NULL"}
    grow({"topic": topic})
    grown = grow({"topic": topic, "fine": fine})
    parts = {0: part("web", [*STORY, " "], scores=SHORT), 1: part("proofs", MATH, scores=SHORT)}
    whole = make_run(parts, sources=SOURCES, raters={"fine": fine, "topic": topic}, name="whole")
    whole.run(step, "classify")

    def files(run: Any) -> set[tuple[str, int | None, str]]:
        return {(f.unit, f.part, f.sha256) for f in load_manifest(run.folder, "labels").files}

    assert files(grown) == files(whole)


def test_another_condition_or_model_must_be_asked_for(grow: Any, fasttext_model: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.bin"
    model.write_bytes(fasttext_model.read_bytes())
    topic = {"model": str(model), "where": "num_words > 50"}
    grow({"topic": topic})
    with pytest.raises(DriftError, match=r'topic: done with other settings: settings\.where was "num_words > 50"'):
        grow({"topic": topic | {"where": "num_words > 40"}})
    grow({"topic": topic})
    hashes = [bytes(14) + bytes([0, i]) for i in range(40)]
    classes = ["math" if i % 2 else "story" for i in range(40)]
    train_rater(Sample([f"{c} {c} words" for c in classes], classes, hashes, 0), RaterSettings(), model)
    with pytest.raises(DriftError, match=r"topic: done with other settings: settings\.model was"):
        grow({"topic": topic})


def test_what_a_later_level_had_published_stays_until_it_is_done(grow: Any, fasttext_model: Path) -> None:
    topic = {"model": str(fasttext_model)}
    fine = {"model": str(fasttext_model), "label": "math", "where": "topic = 'math'"}
    run = grow({"topic": topic, "fine": fine})
    before = labels(run, "fine")
    with pytest.raises(DriftError, match="classify, fine: done with other settings"):
        grow({"topic": topic, "fine": fine | {"where": "topic = 'story'"}})
    assert labels(run, "fine") == before


def test_what_a_condition_rests_on_is_part_of_its_fingerprint(grow: Any, fasttext_model: Path) -> None:
    given = {"model": str(fasttext_model), "label": "math"}
    raters = {"a": given | {"where": "num_words > 50"}, "b": given | {"where": "alpha_word_fraction > 0.5"}}
    run = grow(raters)
    manifest = load_manifest(run.folder, "scores")
    (entry,) = [f for f in manifest.files if f.unit == "text" and f.part == 1]
    data = pq.read_table(run.folder / entry.path)
    ones = pa.array([1] * 30, data.schema.field("num_words").type)
    changed = data.set_column(data.schema.get_field_index("num_words"), data.schema.field("num_words"), ones)
    new = write_table(run.folder, SCORES, changed, stem="text/changed", unit="text", part=1)
    publish(run.folder, replace(manifest, files=tuple(new if f == entry else f for f in manifest.files)))
    run = grow(raters)
    assert set(done(run)) == {("a", "p00000001")}
    assert {row["a_skipped"] for doc, row in labels(run, "a").items() if doc >= doc_key(1, 0)} == {"where"}


def test_a_rater_taken_out_takes_its_columns_along(grow: Any, fasttext_model: Path) -> None:
    grow({"topic": {"model": str(fasttext_model)}})
    run = grow({})
    assert {f.unit for f in load_manifest(run.folder, "labels").files} == {"language"}
    assert done(run) == {}


def test_a_rater_learns_from_labelled_columns(grow: Any, fasttext_model: Path) -> None:
    given = {"mathy": {"model": str(fasttext_model), "label": "math"}}
    taught = {"labels": "mathy >= 0.5", "train_on": ["web", "proofs"], "label": "true"}
    run = grow(given | {"taught": taught})
    rows = labels(run, "taught")
    assert rows[doc_key(1, 3)]["taught"] > 0.9 and rows[doc_key(0, 3)]["taught"] < 0.1
    (artefact,) = run.rows(ARTEFACTS)
    assert (artefact["name"], artefact["trained_on"], artefact["quality"]) == ("rater:taught", ["web", "proofs"], 1.0)
    record = json.loads(artefact["record"])
    assert record["asked"]["settings"]["labels"] == "mathy >= 0.5"
    assert set(record["made"]["classes"]) == {"true", "false"} and record["made"]["calibration"]
    with pytest.raises(DriftError, match="artefact rater:taught is frozen"):
        grow(given | {"taught": taught | {"labels": "mathy >= 0.6"}})


def test_labels_that_cannot_be_learnt_are_refused(grow: Any) -> None:
    with pytest.raises(InputError, match="class 'x y' is empty or has white space"):
        grow({"t": {"labels": "CASE WHEN kind = 'math' THEN 'x y' ELSE 'z' END", "train_on": ["web", "proofs"]}})
    with pytest.raises(InputError, match="rater t: its sources have documents of no class"):
        grow({"t": {"labels": "topic", "train_on": ["web", "proofs"]}})
    with pytest.raises(
        ConfigError, match=r"raters\.t\.label: the model has no label 'code'; its labels are math, prose"
    ):
        grow({"t": {"labels": "kind", "train_on": ["web", "proofs"], "label": "code"}})


def test_a_given_language_model_takes_the_place_of_the_library(grow: Any, fasttext_model: Path) -> None:
    run = grow({"language": {"model": str(fasttext_model)}})
    rows = labels(run, "language")
    assert rows[doc_key(1, 3)]["language"] == "math" and rows[doc_key(1, 3)]["language_confidence"] > 0.9
    assert set(rows[doc_key(0, 30)].values()) == {None}


def test_a_checkpoint_in_a_cascade(grow: Any, make_checkpoint: Callable[..., Path]) -> None:
    edu = {"type": "transformers", "model": str(make_checkpoint(("score",))), "output": "score", "max_tokens": 32}
    run = grow({"edu": edu | {"where": "kind = 'math'", "windows": "mean", "device": "cpu"}})
    rows = labels(run, "edu")
    assert rows[doc_key(0, 1)] == {"edu": None, "edu_skipped": "where"}
    assert rows[doc_key(1, 1)]["edu"] is not None and rows[doc_key(1, 1)]["edu_skipped"] is None
