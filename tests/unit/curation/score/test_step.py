"""score on hand-made runs: a file per part and group, spans, counts, and text that is read once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from midmix.curation.score import step
from midmix.errors import DriftError
from midmix.table_manifest import load_manifest
from midmix.tables import LEDGER, SCORES, SPANS, STEPS, doc_key

MakeRun = Callable[..., Any]
TEXTS = {0: ["a b\nc", "mail x@y.io now"], 3: ["x = 1\nuse cookies\n"]}


@pytest.fixture
def run(make_run: MakeRun, part: Any) -> Any:
    made = make_run({n: part("web", texts) for n, texts in TEXTS.items()}, sources={"web": "prose"})
    made.run(step, "score")
    return made


def test_every_group_has_a_file_per_part_with_all_documents(run: Any) -> None:
    manifest = load_manifest(run.folder, SCORES.name)
    assert [(f.unit, f.part) for f in manifest.files] == [(g, p) for g in SCORES.groups for p in (0, 3)]
    (path,) = manifest.paths(run.folder, part=0, unit="text")
    rows = pq.read_table(path, columns=["doc", "num_lines", "num_words"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [(doc_key(0, 0), 2, 3), (doc_key(0, 1), 1, 3)]
    (path,) = manifest.paths(run.folder, part=0, unit="privacy")
    assert pq.read_table(path)["num_emails"].to_pylist() == [0, 1]


def test_spans_are_in_bytes_of_the_raw_text(run: Any) -> None:
    rows = [tuple(row.values()) for row in run.rows(SPANS)]
    assert rows == [
        (doc_key(0, 1), 5, 11, "pii.email", "email@example.com", "spans"),
        (doc_key(3, 0), 6, 18, "boilerplate.line", None, "spans"),
    ]


def test_special_tokens_of_the_tokenizer_are_looked_for(make_run: MakeRun, part: Any, tmp_path: Path) -> None:
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    (folder / "tokenizer.json").write_text('{"added_tokens": [{"content": "<own>", "special": true}]}')
    run = make_run({0: part("web", ["a <own>"])}, sources={"web": "prose"}, tokenizers={"main": str(folder)})
    run.run(step, "score")
    (path,) = load_manifest(run.folder, SCORES.name).paths(run.folder, part=0, unit="lint")
    assert pq.read_table(path)["num_own_special_tokens"].to_pylist() == [1]
    (folder / "tokenizer.json").write_text('{"added_tokens": []}')
    with pytest.raises(DriftError, match=r"score, lint: .*own_special_tokens was \[\"<own>\"\]"):
        run.run(step, "score")


def test_the_ledger_counts_each_document_once(run: Any) -> None:
    row = {"step": "score", "source": "web", "rows_in": 3, "rows_kept": 3, "rows_dropped": 0, "rows_quarantined": 0}
    assert [r for r in run.rows(LEDGER) if r["step"] == "score"] == [row]


def test_only_the_scorer_and_part_that_lack_a_record_are_done(run: Any) -> None:
    before = load_manifest(run.folder, SCORES.name).digest
    run.run(step, "score")
    rows = [r for r in run.rows(STEPS) if r["step"] == "score"]
    assert {r["action"] for r in rows} == {"reused"} and sum(r["text_bytes_read"] for r in rows) == 0
    record = run.folder / "records" / "score" / "math" / "p00000000.json"
    record.unlink()
    run.run(step, "score")
    done = [(r["unit"], r["part"]) for r in run.rows(STEPS) if r["action"] == "done"]
    assert done == [("math", 0)]
    assert load_manifest(run.folder, SCORES.name).digest == before
