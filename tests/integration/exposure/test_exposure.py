"""`midmix exposure` on a planned run: documents, sources, leaks and steps, in words and as JSON."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from midmix.cli import main
from midmix.mixer.plan.manifest import Plan
from midmix.table_manifest import load_manifest, publish


def ask(capsys: pytest.CaptureFixture[str], run: Path, *arguments: str, code: int = 0) -> str:
    with pytest.raises(SystemExit) as done:
        main(["exposure", str(run), *arguments])
    captured = capsys.readouterr()
    assert done.value.code == code, captured.err
    return captured.err if code else captured.out


def ask_json(capsys: pytest.CaptureFixture[str], run: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(capsys, run, *arguments, "--json"))
    return found


def tokens_of(run: Path) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in load_manifest(run, "tokens").paths(run)])


@pytest.mark.parametrize("trainer", ["megatron", "olmo-core"])
def test_steps_of_a_document_are_the_steps_that_read_it(
    planned_run: Path, capsys: pytest.CaptureFixture[str], trainer: str
) -> None:
    first = ask_json(capsys, planned_run, "--step", "1", "--trainer", trainer, "--stage", "anneal")["reads"]
    doc = next(read["doc"] for read in first if read["domain"] == "math")
    found = ask_json(capsys, planned_run, "--doc", doc, "--trainer", trainer)
    (anneal,) = [stage for stage in found["stages"] if stage["stage"] == "anneal"]
    assert anneal["domain"] == "math"
    assert anneal["tokens_seen"] == sum(tokens for _, tokens in anneal["steps"])
    # Math is passed over three times and a half: whoever reads it, reads each document at least three times.
    assert anneal["tokens_seen"] >= 3 * anneal["tokens"] > 0
    step, tokens = anneal["steps"][2]
    reads = ask_json(capsys, planned_run, "--step", str(step), "--trainer", trainer, "--stage", "anneal")["reads"]
    assert sum(read["input_tokens"] for read in reads if read["doc"] == doc) == tokens


@pytest.mark.parametrize("trainer", ["megatron", "olmo-core"])
def test_all_sources_together_are_the_plan(
    planned_run: Path, plan: Plan, capsys: pytest.CaptureFixture[str], trainer: str
) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    expected: Counter[tuple[str, str]] = Counter()
    for source in ("crawl", "forum", "old"):
        for stage in ask_json(capsys, planned_run, "--source", source, "--trainer", trainer)["stages"]:
            if stage["steps"] is not None:
                seen[stage["stage"], stage["domain"]] += stage["tokens_seen"]
                expected[stage["stage"], stage["domain"]] += stage["expected_tokens_seen"]
    planned = {(stage.id, share.domain): share.tokens for stage in plan.stages for share in stage.mixture}
    assert seen == planned
    assert {cell: round(tokens, 6) for cell, tokens in expected.items()} == planned


def test_expected_figures_need_no_trainer(planned_run: Path, plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    # The first short document of the domain starts the shard that was cut for the first stage.
    rows = tokens_of(planned_run).filter(pl.col("num_tokens") < 48, split="train", domain="math")
    first = rows.row(0, named=True)
    share = next(s for s in plan.stages[0].mixture if s.domain == "math")
    draw, shard = next((d, s) for d, s in plan.drawn(share) if s.bucket == "short")
    drawn = 16 * draw.sequences
    doc = f"{first['doc'] >> 32}:{first['doc'] & 0xFFFFFFFF}"
    (anneal,) = ask_json(capsys, planned_run, "--doc", doc)["stages"]
    assert anneal["epochs"] == pytest.approx(drawn / shard.tokens)
    assert anneal["expected_tokens_seen"] == pytest.approx(first["num_tokens"] * drawn / shard.tokens)
    assert anneal["shards"] == [
        {"shard": shard.index, "first_sequence": 0, "last_sequence": (first["num_tokens"] - 1) // 16}
    ]
    assert anneal["steps"] is None and anneal["tokens_seen"] is None
    assert "with other trainers only their own logs know" in ask(capsys, planned_run, "--doc", doc)


def test_earlier_training_counts(planned_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    web = tokens_of(planned_run).filter(split="train", domain="web")
    found = ask_json(capsys, planned_run, "--source", "crawl")
    (before,) = [stage for stage in found["stages"] if stage["trained"] == "before"]
    mine = web.filter(pl.col("doc") < 1 << 32)["num_tokens"].sum()
    assert (before["stage"], before["domain"], before["tokens"]) == ("pretrain", "web", mine)
    assert before["expected_tokens_seen"] == pytest.approx(2_000 * mine / web["num_tokens"].sum())
    (gone,) = ask_json(capsys, planned_run, "--source", "gone")["stages"]
    assert (gone["trained"], gone["expected_tokens_seen"]) == ("before", 1_000)


def test_token_files_are_named_by_their_place(planned_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask_json(capsys, planned_run, "--source", "old", "--trainer", "olmo-core")
    step = found["stages"][0]["steps"][0][0]
    text = ask(capsys, planned_run, "--step", str(step), "--trainer", "olmo-core", "--stage", "anneal")
    assert re.search(r"old +shard \d+, #\d+", text)


def test_leaks_that_are_still_in_the_plan(planned_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask_json(capsys, planned_run, "--contaminated", "quiz", "--trainer", "olmo-core")
    assert (found["documents_that_touch_it"], found["kept"], found["in_the_plan"]) == (3, 2, 2)
    one, other = found["documents"]
    assert (one["items"], one["masked"], other["items"], other["masked"]) == ([3, 5], False, [3], True)
    assert all(document["stages"] for document in found["documents"])
    text = ask(capsys, planned_run, "--contaminated", "quiz")
    assert "3 documents touch it; 2 are kept to train on, 2 are in the plan" in text and "masked in the text" in text


def test_what_is_not_in_the_plan_says_why(planned_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "dropped: gopher_quality.min_words" in ask(capsys, planned_run, "--doc", "0:100000")
    held = tokens_of(planned_run).filter(split="heldout")["doc"][0]
    assert "held out" in ask(capsys, planned_run, "--doc", f"{held >> 32}:{held & 0xFFFFFFFF}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give one of --doc, --source, --contaminated and --step"),
        (("--doc", "0:1", "--source", "crawl"), "give one of"),
        (("--doc", "0:1", "--trainer", "hf"), "known from its own logs alone"),
        (("--step", "1"), "--step needs --trainer"),
        (("--step", "1", "--trainer", "megatron"), "the plan has anneal, long"),
        (("--step", "1000", "--trainer", "megatron", "--stage", "long"), "the stage has steps 1 to 46"),
        (("--source", "forums"), "no source 'forums'; did you mean 'forum'?"),
        (("--contaminated", "quizz"), "no benchmark 'quizz'"),
        (("--doc", "0:1", "--stage", "long"), "--stage goes with --step"),
    ],
)
def test_wrong_questions_are_refused(
    planned_run: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert words in ask(capsys, planned_run, *arguments, code=2).replace("\n", " ")


def test_other_tokens_than_the_plan_counts_are_refused(
    planned_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(planned_run.parent, tmp_path / "base") / "run")
    manifest = load_manifest(run, "tokens")
    publish(run, replace(manifest, attached=manifest.attached[1:]))
    assert "other tokens than the plan counts" in ask(capsys, run, "--source", "crawl", code=1)
