"""apply on hand-made runs: the text kept, its hash, bytes removed by reason, and documents that an edit empties."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from midmix.curation.apply import step
from midmix.curation.decide import step as decide_step
from midmix.errors import StepError
from midmix.table_files import write_table
from midmix.table_manifest import load_manifest, publish
from midmix.tables import CURATED, DECISIONS, DROPS, LEDGER, SPANS, STEPS, doc_key

MakeRun = Callable[..., Any]


def run_with_spans(make_run: MakeRun, part: Any) -> Any:
    texts = ["mail é@b.c now", "  secret ", "plain", "dropped é@b.c"]
    spans = [
        (0, 5, 11, "pii.email", "E"),
        (1, 2, 8, "secret.key", None),
        (2, 0, 2, "c4.line", None),
        (3, 8, 14, "pii.email", "E"),
    ]
    parts = {0: part("web", texts, spans=spans, kinds={2: "code"}, scores={3: {"num_special_tokens": 1}})}
    run = make_run(parts, sources={"web": "prose"})
    run.run(decide_step, "decide")
    run.run(step, "apply")
    return run


def test_edits_in_force_are_carried_out_on_kept_documents(make_run: MakeRun, part: Any) -> None:
    run = run_with_spans(make_run, part)
    expected = [(doc_key(0, 0), "prose", "mail E now", 6), (doc_key(0, 2), "code", "plain", 0)]
    rows = run.rows(CURATED)
    assert [(r["doc"], r["kind"], r["text"], r["bytes_removed"]) for r in rows] == expected
    for row in rows:
        data = row["text"].encode()
        assert row["content_hash"] == hashlib.blake2b(data, digest_size=16).digest()
        assert row["num_bytes"] == len(data)
        assert row["source"] == "web"


def test_a_document_that_an_edit_empties_is_dropped_and_counted(make_run: MakeRun, part: Any) -> None:
    run = run_with_spans(make_run, part)
    row = {"step": "apply", "source": "web", "rows_in": 3, "rows_kept": 2, "rows_dropped": 1, "rows_quarantined": 0}
    assert [r for r in run.rows(LEDGER) if r["source"] == "web"] == [row]
    drops = {r["reason"]: (r["documents"], r["bytes"]) for r in run.rows(DROPS)}
    assert drops == {"edit.empty": (1, 9), "edit.pii.email": (0, 6)}


def test_edits_and_cuts_are_united_and_carried_out_once(make_run: MakeRun, part: Any) -> None:
    texts = ["ask é@b.c what is 1 + 1? thanks", "what is 1 + 1?", "é@b.c plain"]
    spans = [(0, 4, 10, "pii.email", "E"), (2, 0, 6, "pii.email", "E")]
    # The first cut begins within the address; the second leaves nothing but its mask.
    hits = [("0:0", {"start_byte": 8, "end_byte": 25}), ("0:0", {"start_byte": 11, "end_byte": 25, "label": "variant"})]
    hits += [("0:1", {"start_byte": 0, "end_byte": 14})]
    run = make_run(
        {0: part("web", texts, spans=spans)},
        sources={"web": "prose"},
        leaks=[(doc, "gsm8k", columns) for doc, columns in hits],
        config_leaks={"policy": "mask", "variants": "mask"},
    )
    run.run(decide_step, "decide")
    run.run(step, "apply")
    found = [(row["text"], row["bytes_removed"]) for row in run.rows(CURATED)]
    assert found == [("ask E thanks", 21), ("[masked]", 14), ("E plain", 6)]
    assert {r["reason"]: r["bytes"] for r in run.rows(DROPS)} == {"edit.pii.email": 27, "edit.leak.gsm8k": 14}


def test_a_part_whose_cuts_changed_is_done_again(make_run: MakeRun, part: Any) -> None:
    run = make_run(
        {0: part("web", ["abc"]), 1: part("web", ["defg"])},
        sources={"web": "prose"},
        leaks=[("1:0", "arc", {"start_byte": 1, "end_byte": 3})],
        config_leaks={"policy": "mark"},
    )
    for policy in ("mark", "mask"):
        run.config = run.config.model_copy(update={"leaks": run.config.leaks.model_copy(update={"policy": policy})})
        run.run(decide_step, "decide")
        run.run(step, "apply")
    assert [r["text"] for r in run.rows(CURATED)] == ["abc", "d[masked]g"]
    assert {r["part"]: r["action"] for r in run.rows(STEPS)} == {0: "reused", 1: "done"}


def test_white_space_of_any_script_is_blank() -> None:
    texts = pa.array(["", " \t\n", "\u3000\u2003\xa0", "x", "\u200b"], pa.large_string())
    assert step.is_blank(texts).tolist() == [True, True, True, False, False]
    assert step.is_blank(texts[3:]).tolist() == [False, False]


def test_hashes_are_of_slices_too() -> None:
    texts = pa.array(["a", "bé", ""], pa.large_string())[1:]
    assert step.content_hashes(texts).to_pylist() == [
        hashlib.blake2b(t.encode(), digest_size=16).digest() for t in ("bé", "")
    ]


def test_only_the_part_whose_spans_changed_is_done_again(make_run: MakeRun, part: Any) -> None:
    run = make_run({0: part("web", ["abc"]), 1: part("web", ["defg"])}, sources={"web": "prose"})
    run.run(decide_step, "decide")
    run.run(step, "apply")
    span = {
        "doc": doc_key(1, 0),
        "start_byte": 0,
        "end_byte": 1,
        "reason": "pii.email",
        "replacement": None,
        "producer": "t",
    }
    old = load_manifest(run.folder, "spans")
    new = write_table(run.folder, SPANS, pa.Table.from_pylist([span], SPANS.schema()), stem="p1", part=1)
    publish(run.folder, type(old)("spans", (old.files[0], new)))
    run.run(step, "apply")
    assert [r["text"] for r in run.rows(CURATED)] == ["abc", "efg"]
    actions = {r["part"]: (r["action"], r["text_bytes_read"] > 0) for r in run.rows(STEPS)}
    assert actions == {0: ("reused", False), 1: ("done", True)}


def test_decisions_of_other_documents_are_refused(make_run: MakeRun, part: Any) -> None:
    run = make_run({0: part("web", ["abc", "d"])}, sources={"web": "prose"})
    run.run(decide_step, "decide")
    old = load_manifest(run.folder, "decisions")
    less = pa.Table.from_pylist(run.rows(DECISIONS)[:1], DECISIONS.schema())
    publish(run.folder, type(old)("decisions", (write_table(run.folder, DECISIONS, less, stem="less", part=0),)))
    with pytest.raises(StepError, match="decisions are not those of its 2 documents"):
        run.run(step, "apply")
