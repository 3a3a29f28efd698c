"""`benchmarks/decision*.py`: figures that can be checked by hand, plans that stay, and a toy of the whole in seconds."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import Tokenizer

from midmix.demo.tokenizer import train_tokenizer
from midmix.errors import InputError
from midmix.table_files import attach_file, write_table
from midmix.table_manifest import Manifest, publish
from midmix.tables import EVALUATION_ITEMS, PARTS, TOKENS, Table

FOLDER = Path(__file__).parents[3] / "benchmarks"
NAMES = ("setting", "corpus", "train", "choose", "runs", "figures", "tables")
DOMAINS = ("chats", "crawl", "math_high", "problems", "proofs", "repos")
TEXT = {
    "chats": "User: what is {i} and {i}? Assistant: {i} and {i} is twice {i}.",
    "crawl": "The {i}th morning was as grey as the one before it, and nobody minded.",
    "math_high": "Theorem {i}. For all n > {i} there is k such that k^2 + {i} = n.",
    "problems": "Ann has {i} apples and buys {i} more. How many are there?\n\nShe has twice {i}.",
    "proofs": "Proof. Let x = {i}. Then x + {i} is even, which was to be shown.",
    "repos": "def f{i}(x: int) -> int:\n    return x + {i}\n",
}


@pytest.fixture(scope="module")
def bench() -> Iterator[dict[str, ModuleType]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        found = {name: importlib.import_module(f"decision_{name}") for name in NAMES}
        yield {**found, "decision": importlib.import_module("decision")}


def outcome(bench: dict[str, ModuleType], values: dict[str, list[float]]) -> Any:
    """Runs of mixtures whose losses are the same on every metric, one value a seed."""
    planned = bench["runs"].Planned
    runs = [planned(0, "L", mixture, seed, ()) for mixture, found in values.items() for seed in range(len(found))]
    losses = np.array([value for found in values.values() for value in found])
    return bench["figures"].Outcome(runs, np.repeat(losses[:, None], len(bench["choose"].METRICS), axis=1))


def choice(bench: dict[str, ModuleType], verdict: str) -> Any:
    return bench["choose"].Choice((1.0,), verdict, "words", verdict)


def test_gains_are_differences_of_means_in_sds_between_seeds(bench: dict[str, ModuleType]) -> None:
    larger = outcome(
        bench, {"replay": [1.0, 1.2], "natural": [2.0, 2.2], "uniform": [1.5, 1.7], "chosen-code": [1.16, 1.36]}
    )
    [row] = bench["figures"].objective_rows(larger, {"code": choice(bench, "weak")})
    noise = np.sqrt(4 * 0.02 / 4)  # each pair has squares of 0.02 about its mean, and one degree of freedom
    assert row.noise == pytest.approx(noise)
    assert row.beats_natural_sd == pytest.approx(0.84 / noise)
    assert row.beats_uniform_sd == pytest.approx(0.34 / noise)
    assert row.rise == pytest.approx(0.16)
    assert not row.retained


def test_objectives_that_were_refused_do_not_count(bench: dict[str, ModuleType]) -> None:
    values = {"replay": [1.0, 1.1], "natural": [2.0, 2.1], "uniform": [1.5, 1.6]}
    larger = outcome(bench, {**values, "chosen-code": [1.0, 1.1], "chosen-math": [9.0, 9.1]})
    choices = {"code": choice(bench, "supported"), "math": choice(bench, "not supported")}
    rows = bench["figures"].objective_rows(larger, choices)
    figures = bench["figures"].headline(rows, np.ones((1, 2, 3)))
    assert figures["decision_beats_natural_sd"] == pytest.approx(rows[0].beats_natural_sd)
    assert figures["decision_least_gain_sd"] == pytest.approx(rows[0].beats_uniform_sd)
    assert (figures["decision_refused"], figures["decision_retained"]) == (1.0, 1.0)
    assert rows[1].beats_natural_sd < 0 and not rows[1].retained


def test_intervals_hold_single_runs(bench: dict[str, ModuleType]) -> None:
    larger = outcome(bench, {"replay": [0.0, 0.0], "natural": [1.0, 3.0]})
    ends = np.full((1, len(bench["choose"].METRICS)), 1.0)
    foretold = bench["choose"].Foretold(1.5 * ends, ends, 2 * ends)
    held = bench["figures"].covered(larger, ["natural"], foretold)
    np.testing.assert_array_equal(held[0, :, 0], [1.0, 0.0])


def test_ranks_are_of_the_mixtures_that_both_sizes_have(bench: dict[str, ModuleType]) -> None:
    small = outcome(bench, {"a": [1.0, 1.0], "b": [2.0, 2.0], "c": [3.0, 3.0], "d": [0.0, 0.0]})
    large = outcome(bench, {"c": [9.0], "b": [5.0], "a": [7.0]})
    found = bench["figures"].rank_agreement({"small": small, "large": large})
    assert found["small and large"]["code"] == pytest.approx(0.5)  # 1, 2, 3 against 2, 1, 3


def test_a_plan_stays_as_it_was_first_written(bench: dict[str, ModuleType], tmp_path: Path) -> None:
    runs, setting = bench["runs"], bench["setting"]
    size = setting.Size(1, 16, 2, 0.01)
    first = runs.planned(size, 1, {"replay": [1.0, 0.0], "design-01": [0.25, 0.75]}, 2)
    assert [(r.number, r.mixture, r.seed) for r in first][1:3] == [
        (1_000_001, "replay", 1),
        (1_000_100, "design-01", 0),
    ]
    runs.write_plan(tmp_path / "plan.json", ["a", "b"], first)
    runs.write_plan(tmp_path / "plan.json", ["a", "b"], first[:1])
    assert runs.read_plan(tmp_path / "plan.json") == (["a", "b"], first)
    batches = runs.batches(first, ["a", "b"], [size], replace(setting.FINAL, rows_per_batch=3))
    assert [len(batch.runs) for batch in batches] == [3, 1]
    assert batches[1].runs[0].weights == {"a": 0.25, "b": 0.75}
    # one order of text a seed, whatever the mixture
    assert batches[0].runs[1].stream == batches[1].runs[0].stream != batches[0].runs[0].stream
    table = runs.design_table(first, ["a", "b"]).to_pylist()
    assert [row["role"] for row in table][:4] == ["control"] * 4


def test_runs_of_another_setting_are_refused(bench: dict[str, ModuleType], tmp_path: Path) -> None:
    final = bench["setting"].FINAL
    bench["setting"].keep_setting(tmp_path, final)
    bench["setting"].keep_setting(tmp_path, final)
    with pytest.raises(InputError, match="runs of another setting lie here"):
        bench["setting"].keep_setting(tmp_path, replace(final, seed=2))


def test_a_cut_tokenizer_is_one_trained_for_that_many_ids(
    bench: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [TEXT[domain].format(i=i) for domain in DOMAINS for i in range(50)]
    for name, vocabulary in (("whole", 320), ("small", 288)):
        monkeypatch.setattr("midmix.demo.tokenizer.VOCABULARY", vocabulary)
        train_tokenizer(tmp_path / name, texts)
    bench["corpus"].cut_tokenizer(tmp_path / "whole", tmp_path / "half", 288)
    half, small = (json.loads((tmp_path / name / "tokenizer.json").read_text()) for name in ("half", "small"))
    assert half["model"] == small["model"] and len(half["model"]["vocab"]) == 288
    tokenizer = Tokenizer.from_file(str(tmp_path / "half" / "tokenizer.json"))
    assert tokenizer.decode(tokenizer.encode(texts[0]).ids) == texts[0]


def put(folder: Path, table: Table, rows: list[dict[str, Any]], attached: tuple[Any, ...] = ()) -> None:
    data = pa.Table.from_pylist(rows, schema=table.schema())
    publish(folder, Manifest(table.name, (write_table(folder, table, data, stem="all"),), attached))


def put_tokens(folder: Path, tokenizers: dict[str, str]) -> None:
    """Every domain's text in both vocabularies, a part for each domain."""
    rows, attached = [], []
    for name, path in tokenizers.items():
        tokenizer = Tokenizer.from_file(f"{path}/tokenizer.json")
        for part, domain in enumerate(DOMAINS):
            texts = [TEXT[domain].format(i=i) for i in range(400)]
            for split, chosen in (("heldout", texts[::8]), ("train", texts[1::2])):
                ids = [np.array([*tokenizer.encode(text).ids, 0], np.uint16) for text in chosen]
                offsets = np.cumsum([0, *map(len, ids)])
                place = {"tokenizer": name, "domain": domain, "split": split, "shard": 0}
                for row, (text, tokens, offset) in enumerate(zip(chosen, ids, offsets, strict=False)):
                    doc = {"doc": part << 32 | row, "offset": int(offset)}
                    rows.append(place | doc | {"num_tokens": len(tokens), "num_bytes": len(text.encode())})
                file = f"{name}/{domain}/{split}-00000.bin"
                stored = np.concatenate(ids)
                attached.append(attach_file(folder, TOKENS, file, lambda path, stored=stored: stored.tofile(path)))
    put(folder, TOKENS, rows, tuple(attached))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder with six domains, two vocabularies and two evaluation sets, as far as tokenize."""
    folder = tmp_path / "run"
    tokenizers = {"main": str(tmp_path / "whole"), "proxy": str(tmp_path / "half")}
    texts = [TEXT[domain].format(i=i) for domain in DOMAINS for i in range(50)]
    for path, vocabulary in zip(tokenizers.values(), (320, 288), strict=True):
        monkeypatch.setattr("midmix.demo.tokenizer.VOCABULARY", vocabulary)
        train_tokenizer(Path(path), texts)
    part = {"snapshot": None, "stored": None, "file_hash": "", "first_row_group": 0, "num_row_groups": 1}
    part |= {"first_row": 0, "rows": 400, "text_bytes": 1, "text_column": "text"}
    parts = [part | {"part": i, "source": d, "path": d} for i, d in enumerate(DOMAINS)]
    put(folder, PARTS, parts)
    put_tokens(folder, tokenizers)
    items = [
        {"set": name, "role": role, "item": i, "question": None, "answer": TEXT[domain].format(i=2 * i + 9)}
        for name, role, domain in (("general", "retain", "crawl"), ("word_problems", "target", "problems"))
        for i in range(20)
    ]
    put(folder, EVALUATION_ITEMS, items)
    config = {
        "sources": {domain: {"path": f"{domain}.parquet", "kind": "prose"} for domain in DOMAINS},
        "tokenizers": tokenizers,
        "proxy": {"runs": 8},
        "mixture": {
            "tokens": 2_000,
            "replay": {"crawl": 0.8, "repos": 0.2},
            "targets": {"word_problems": {"set": "gold.jsonl"}},
        },
    }
    (folder / "state").mkdir()
    state = {"base": "..", "base_was": str(tmp_path), "config": config}
    (folder / "state" / "config.json").write_text(json.dumps(state))
    return folder


def test_a_toy_of_the_whole_goes_on_where_it_was(
    bench: dict[str, ModuleType],
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    decision, size = bench["decision"], bench["setting"].Size
    done: list[str] = []

    def in_this_process(jobs: list[tuple[Any, tuple[Any, ...]]], what: str) -> list[Any]:
        done.append(what)
        return [work(*given) for work, given in jobs]

    monkeypatch.setattr(decision, "perform", in_this_process)
    monkeypatch.setattr(decision, "OBJECTIVES", {"code": {"domain:repos": 1.0}})
    setting = bench["setting"].Setting(
        seed=5, ladder=(size(1, 16, 2, 0.02),), larger=size(1, 32, 2, 0.02),
        other_vocabulary=size(1, 16, 2, 0.02, "proxy"), mixtures=8, seeds=2, anchors=3, base_steps=60, steps=10,
        batch_sequences=2, heldout_tokens=300, rows_per_batch=9, target_tokens=2_000,
    )  # fmt: skip
    figures = decision.decide(tmp_path, setting, run)
    assert done == ["bases", "swarm", "choices", "larger proxy"]
    rows = decision.all_runs(tmp_path, setting).to_pylist()
    larger = {row["mixture"] for row in rows if row["size"] == "L1-d32-main"}
    assert {"replay", "natural", "uniform", "chosen-code"} < larger and len(larger) == 4 + 3
    assert len(rows) == 2 * (8 + 8 + 7)
    assert all(sum(row[f"share_{domain}"] for domain in DOMAINS) == pytest.approx(1.0) for row in rows)
    # bits per byte of the same text in two vocabularies: alike, and not the same
    by_size = {
        name: np.mean([r["domain:chats"] for r in rows if r["size"] == name])
        for name in ("L1-d16-main", "L1-d16-proxy")
    }
    assert by_size["L1-d16-main"] == pytest.approx(by_size["L1-d16-proxy"], rel=0.5)
    assert by_size["L1-d16-main"] != by_size["L1-d16-proxy"]
    assert 0.0 <= figures["decision_coverage"] <= 1.0
    # what is kept is not trained again
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").iterdir()}
    assert decision.decide(tmp_path, setting, run) == pytest.approx(figures, nan_ok=True)
    assert stamps == {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").iterdir()}
    assert "UniMax is the uniform mixture here" in capsys.readouterr().out
