"""`benchmarks/dedup.py`: what it plants is what it says, what it counts can fail, and a sample of it runs."""

from __future__ import annotations

import importlib
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks"
NAMES = ("truth", "corpus", "growth", "labelled", "sketches")


@pytest.fixture(scope="module")
def bench() -> Iterator[dict[str, ModuleType]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield {name: importlib.import_module(f"dedup_{name}") for name in NAMES}


def text_of(count: int, seed: int = 1) -> str:
    draw = random.Random(seed)
    return " ".join("".join(draw.choices("abcdefghij", k=6)) for _ in range(count))


def test_jaccard_is_that_of_sets_of_word_five_grams(bench: dict[str, ModuleType]) -> None:
    jaccard = bench["truth"].jaccard
    assert jaccard("a b c d e f", "A b\nc d e g") == 1 / 3  # abcde is shared; bcdef and bcdeg are not
    assert jaccard("a b c d e", "a b c d e") == 1
    assert jaccard("a b c d", "a b c d") == 0


@pytest.mark.parametrize(("low", "high"), [(0.8, 0.82), (0.82, 0.995), (0.6, 0.8), (0.3, 0.6)])
def test_edited_copies_lie_where_they_were_asked_for(bench: dict[str, ModuleType], low: float, high: float) -> None:
    draw, inside = random.Random(7), 0
    for number in range(40):
        text = text_of(900, number)
        copy, how = bench["corpus"].edited_copy(text, low, high, ["filler", "words"], draw)
        assert how in bench["corpus"].EDITS
        assert copy != text
        inside += low <= bench["truth"].jaccard(text, copy) <= high
    assert inside >= 32


def test_a_corpus_is_the_same_each_time_and_its_pairs_are_true(bench: dict[str, ModuleType], tmp_path: Path) -> None:
    texts = [text_of(120 + 3 * number, number) for number in range(200)]
    for name in ("a", "b"):
        bench["corpus"].write_corpus(texts, 0.5, 1, tmp_path / name)
    shards = sorted((tmp_path / "a" / "shards").glob("*.parquet"))
    assert len(shards) > 1
    assert [s.read_bytes() for s in shards] == [(tmp_path / "b" / "shards" / s.name).read_bytes() for s in shards]
    found = {row["id"]: row["text"] for shard in shards for row in pq.read_table(shard).to_pylist()}
    pairs = pq.read_table(tmp_path / "a" / "pairs.parquet").to_pylist()
    assert pairs
    for pair in pairs:
        a, b = (bench["truth"].shingles(found[pair[side]]) for side in ("a", "b"))
        assert pair["jaccard"] == len(a & b) / len(a | b)
    assert len(set(found.values())) < len(found) < 200 + len(pairs) + 200 * 9
    assert len(found) > len(texts) / 2


def test_text_that_comes_again_is_far_from_itself(bench: dict[str, ModuleType]) -> None:
    text = text_of(400)
    coming = bench["corpus"].stream([text], ["other", "words"], random.Random(1))
    first, second, third = (next(coming) for _ in range(3))
    assert first == text
    assert max(bench["truth"].jaccard(*pair) for pair in ((first, second), (first, third), (second, third))) < 0.2


def test_recall_counts_pairs_of_which_both_are_kept_as_missed(bench: dict[str, ModuleType]) -> None:
    pairs = [("a", "b", 0.9), ("c", "d", 0.81), ("e", "f", 0.5)]
    truth = bench["truth"]
    assert truth.recall(pairs, {"b": "a"}, 0.8, 1) == (1, 2)
    assert truth.recall(pairs, {"b": "x", "c": "x"}, 0.8, 1) == (2, 2)
    assert truth.recall(pairs, {}, 0.8, 0.82) == (0, 1)


def test_false_drops_are_seen(bench: dict[str, ModuleType]) -> None:
    text = text_of(200)
    near, far = text.replace(text.split()[50], "other"), text.replace(text[:700], text_of(100, 2))
    texts = {"kept": text, "near": near, "far": far, "copy": text, "chained": near}
    right = {"near": "kept", "copy": "kept"}
    assert bench["truth"].false_drops(texts, right) == []
    wrong = bench["truth"].false_drops(texts, right | {"far": "kept", "chained": "near"})
    assert [key for key, _, _ in wrong] == ["far", "chained"]


def test_components_join_chains(bench: dict[str, ModuleType]) -> None:
    import numpy as np

    labels = bench["truth"].components(6, [(np.array([1, 4]), np.array([4, 3])), (np.array([5]), np.array([0]))])
    assert labels.tolist() == [0, 1, 2, 1, 1, 0]
    assert bench["truth"].component_drops(labels) == 3


def test_macro_f1_is_the_mean_of_both_classes(bench: dict[str, ModuleType]) -> None:
    score = bench["labelled"].macro_f1
    pairs = [(0, 1, True), (2, 3, True), (4, 5, False), (6, 7, False)]
    assert score([0, 0, 2, 2, 4, 5, 6, 7], pairs) == 1
    # One duplicate pair missed: duplicates have 2 right, 2 missed; the others 4 right, 2 wrong.
    assert score([0, 0, 2, 3, 4, 5, 6, 7], pairs) == pytest.approx((4 / 6 + 8 / 10) / 2)
    assert score([0] * 8, pairs) == pytest.approx(8 / 12 / 2)


def test_text_dedups_method_joins_copies_alone(bench: dict[str, ModuleType]) -> None:
    one, other = text_of(300, 1), text_of(300, 2)
    edited = one.replace(one.split()[7], "changed")
    assert bench["labelled"].text_dedup([one, other, edited, "too short", "too short"]) == [0, 1, 0, 3, 4]


def test_an_exponent_is_the_slope_of_logarithms(bench: dict[str, ModuleType]) -> None:
    assert bench["growth"].exponent([1, 2, 4], [3, 12, 48]) == pytest.approx(2)


def run_quick(tmp_path: Path, *only: str) -> dict[str, float]:
    texts = [text_of(80 + number % 300, number) for number in range(300)]
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"text": texts}), tmp_path / "data" / "texts.parquet")
    command = [
        sys.executable,
        str(FOLDER / "dedup.py"),
        "--quick",
        "--data",
        "data",
        "--json",
        "found.json",
        "--only",
        *only,
    ]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    return dict(json.loads((tmp_path / "found.json").read_text()))


def test_a_sample_of_the_comparison_runs(tmp_path: Path) -> None:
    found = run_quick(tmp_path, "end_to_end")
    assert found["clusters_equal"] == 1
    assert found["false_drops"] == 0
    assert found["recall_j80"] == 1
    assert found["drops_own"] > 0
    assert found["ratio_end_to_end"] > 0


@pytest.mark.full
def test_a_sample_of_everything_else_runs(tmp_path: Path) -> None:
    found = run_quick(tmp_path, "as_user", "signatures", "growth", "copies", "memory", "labelled")
    assert {"ratio_datasketch", "growth_exponent", "copies_exponent", "cluster_bytes_per_document"} <= found.keys()
    assert found["macro_f1"] >= 0.95
