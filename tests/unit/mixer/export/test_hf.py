"""The Hugging Face folder and its standalone `load.py`: exact rows, whole passes, even mixing."""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midmix.mixer.export.exporter import make_folder
from midmix.mixer.export.hf import HF
from midmix.mixer.export.hf_load import Reader, padding_of, read_mixture, row_blocks, row_order, rows
from midmix.mixer.plan.manifest import Plan


def test_mixture_lists_rows_per_shard(plan: Plan) -> None:
    mixture = json.loads(make_folder(HF, plan, "").texts["mixture.json"])
    assert (mixture["sequence_length"], mixture["dtype"], mixture["seed"]) == (8, "uint16", 7)
    assert [(e["domain"], e["tokens"], e["sequences"], e["available"]) for e in mixture["splits"]["train"]] == [
        ("math", "tokens/math-train-00000.bin", 3, 2),
        ("web", "tokens/web-train-00000.bin", 6, 10),
        ("web", "tokens/web-train-00001.bin", 3, 5),
    ]
    assert [e["sequences"] for e in mixture["splits"]["heldout"]] == [2, 2]


def mixture_of(draws: list[tuple[int, int]], seed: int = 1) -> dict[str, Any]:
    entries = [{"sequences": count, "available": available} for count, available in draws]
    return {"seed": seed, "splits": {"train": entries}}


DRAWS = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 30)), min_size=1, max_size=8)


@given(DRAWS)
def test_every_pass_reads_each_sequence_once_before_the_next(draws: list[tuple[int, int]]) -> None:
    shards, sequences = row_order(mixture_of(draws), "train")
    assert Counter(shards.tolist()) == {i: count for i, (count, _) in enumerate(draws)}
    for i, (count, available) in enumerate(draws):
        read = sequences[shards == i]
        for start in range(0, count, available):
            one_pass = read[start : start + available]
            assert len(set(one_pass.tolist())) == len(one_pass)
            assert one_pass.max() < available


@given(DRAWS, st.floats(0, 1))
def test_every_prefix_holds_the_planned_shares(draws: list[tuple[int, int]], part: float) -> None:
    shards, _ = row_order(mixture_of(draws), "train")
    prefix = shards[: int(part * len(shards))]
    for i, (count, _) in enumerate(draws):
        # A stretch [0, x) holds n x rows of a shard, give or take one, and so rows x of all, give or take one per shard.
        assert abs((prefix == i).sum() - count * len(prefix) / len(shards)) <= 1 + count * len(draws) / len(shards)


@given(DRAWS, st.integers(1, 50))
def test_order_depends_on_no_block_size(draws: list[tuple[int, int]], block_rows: int) -> None:
    shards, sequences = row_order(mixture_of(draws), "train")
    blocks = list(row_blocks(mixture_of(draws), "train", block_rows))
    assert np.concatenate([found for found, _ in blocks]).tolist() == shards.tolist()
    assert np.concatenate([found for _, found in blocks]).tolist() == sequences.tolist()


def test_order_depends_on_the_seed_alone() -> None:
    first, again, other = (row_order(mixture_of([(40, 30)], seed), "train")[1] for seed in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()
    assert first.tolist() != sorted(first.tolist())


def write_folder(folder: Path) -> None:
    (folder / "a.bin").write_bytes(np.arange(20, dtype="<u2").tobytes())
    (folder / "b.bin").write_bytes(np.arange(100, 120, dtype="<u2").tobytes())
    entries = [
        {"domain": "a", "tokens": "a.bin", "sequences": 7, "available": 4},
        {"domain": "b", "tokens": "b.bin", "sequences": 2, "available": 4},
    ]
    mixture = {"sequence_length": 4, "dtype": "uint16", "seed": 3, "splits": {"train": entries, "heldout": []}}
    mixture |= {"packing": "concatenate-and-chunk", "end_of_text": 0}
    (folder / "mixture.json").write_text(json.dumps(mixture))


def test_rows_are_the_tokens_of_their_domain(tmp_path: Path) -> None:
    write_folder(tmp_path)
    found = list(rows(tmp_path))
    assert Counter(row["domain"] for row in found) == {"a": 7, "b": 2}
    for row in found:
        ids = row["input_ids"]
        assert ids.dtype == np.int32
        start = int(ids[0])
        assert ids.tolist() == list(range(start, start + 4))
        assert start % 4 == 0 and (start >= 100) == (row["domain"] == "b")
    assert list(rows(tmp_path, "heldout")) == []
    with pytest.raises(ValueError, match="got split 'test', expected one of train, heldout"):
        list(rows(tmp_path, "test"))


@pytest.mark.parametrize(
    ("row", "padding"),
    [([5, 6, 7, 8], 0), ([5, 0, 7, 0], 0), ([5, 6, 0, 0], 1), ([0, 5, 0, 0], 1), ([0, 0, 0, 0], 3)],
)
def test_padding_is_what_follows_the_end_of_the_last_document(row: list[int], padding: int) -> None:
    assert padding_of(np.array(row), 0) == padding


def test_packed_rows_have_labels(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(np.array([5, 6, 0, 0, 7, 0, 0, 0], "<u2").tobytes())
    entries = [{"domain": "a", "tokens": "a.bin", "sequences": 2, "available": 2}]
    mixture = {"sequence_length": 4, "dtype": "uint16", "seed": 3, "splits": {"train": entries, "heldout": entries}}
    (tmp_path / "mixture.json").write_text(json.dumps(mixture | {"packing": "best-fit", "end_of_text": 0}))
    labels = {tuple(row["input_ids"].tolist()): row["labels"].tolist() for row in rows(tmp_path)}
    assert labels == {(5, 6, 0, 0): [5, 6, 0, -100], (7, 0, 0, 0): [7, 0, -100, -100]}
    # Held-out documents lie end to end: nothing there fills a row up.
    assert all(row["labels"].tolist() == row["input_ids"].tolist() for row in rows(tmp_path, "heldout"))


def test_reader_goes_to_worker_processes_without_its_files(tmp_path: Path) -> None:
    write_folder(tmp_path)
    reader = Reader(tmp_path, read_mixture(tmp_path), "train")
    batch = {"shard": [0, 1], "sequence": [1, 0]}
    expected = reader(batch)
    again = copy.copy(reader)  # as pickle does it
    assert again.files == {}
    assert [ids.tolist() for ids in again(batch)["input_ids"]] == [ids.tolist() for ids in expected["input_ids"]]
    assert expected["domain"] == ["a", "b"]
