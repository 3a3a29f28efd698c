"""Megatron's folder: the blend to the letter, and Megatron's own rule of drawing, which makes its counts exact."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midmix.errors import InputError
from midmix.mixer.export import megatron
from midmix.mixer.export.exporter import make_folder
from midmix.mixer.export.megatron import MEGATRON
from midmix.mixer.plan.manifest import Plan

PlanMaker = Callable[..., Plan]


def test_blend_counts_sequences_per_shard_and_drops_zeros(plan: Plan) -> None:
    blend = json.loads(make_folder(MEGATRON, plan, "").texts["blend.json"])
    assert blend == {
        "train": ["3", "tokens/math-train-00000", "6", "tokens/web-train-00000", "3", "tokens/web-train-00001"],
        "valid": ["2", "tokens/math-heldout-00000", "2", "tokens/web-heldout-00000"],
        "test": None,
    }


def test_token_files_come_in_pairs_under_one_stem(plan: Plan) -> None:
    links = make_folder(MEGATRON, plan, "").links
    assert links["tokens/web-train-00001.bin"].name == "main/web/train-00001.bin"
    assert links["tokens/web-train-00001.idx"].name == "main/web/train-00001.idx"
    assert len(links) == 10


def test_absolute_prefixes_where_a_root_is_given(plan: Plan) -> None:
    export = make_folder(MEGATRON, plan, "/data/out/megatron")
    blend = json.loads(export.texts["blend.json"])
    assert blend["train"][1] == "/data/out/megatron/tokens/math-train-00000"
    assert "--per-split-data-args-path /data/out/megatron/blend.json\n" in export.texts["arguments.txt"]
    assert not any("relative" in note for note in export.notes)


def test_arguments_repeat_the_plan(plan: Plan) -> None:
    lines = make_folder(MEGATRON, plan, "").texts["arguments.txt"].splitlines()
    given = dict((*line.split(" ", 1), "")[:2] for line in lines if not line.startswith("#"))
    assert given == {
        "--per-split-data-args-path": "blend.json",
        "--data-cache-path": "cache",
        "--train-samples": "12",
        "--global-batch-size": "2",
        "--seq-length": "8",
        "--seed": "7",
        "--lr": "0.0003",
        "--min-lr": "0.0",
        "--lr-warmup-samples": "0",
        "--lr-decay-samples": "12",
        "--lr-decay-style": "linear",
        "--override-opt_param-scheduler": "",
        "--max-position-embeddings": "8",
    }


def test_held_out_text_below_a_sequence_gives_no_validation(make_plan: PlanMaker) -> None:
    plan = make_plan({"web": [81]}, {"web": 1}, tokens=16, heldout=(8,))
    export = make_folder(MEGATRON, plan, "")
    assert json.loads(export.texts["blend.json"])["valid"] is None
    assert any("no validation blend" in note for note in export.notes)


def test_folder_that_megatron_would_cut_in_two_is_refused(plan: Plan) -> None:
    with pytest.raises(InputError, match="without white space"):
        make_folder(MEGATRON, plan, "/data/my exports")


def test_more_shards_than_megatron_counts_are_refused(make_plan: PlanMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(megatron, "MAX_DATASETS", 2)
    plan = make_plan({"web": [81, 81, 81]}, {"web": 1}, tokens=96)
    with pytest.raises(InputError, match="3 shards to draw from, it takes 2"):
        make_folder(MEGATRON, plan, "")


def megatron_counts(weights: list[str]) -> list[int]:
    """Samples per dataset among the first sum(weights): megatron-core 0.16.1, `build_blending_indices`, in numpy."""
    shares = np.array([float(weight) for weight in weights])
    size = int(shares.sum())
    shares = shares / shares.sum()
    shares = shares / shares.sum()
    drawn = np.zeros(len(shares), dtype=np.int64)
    for sample in range(size):
        drawn[np.argmax(shares * max(sample, 1) - drawn)] += 1
    return drawn.tolist()


@given(st.lists(st.one_of(st.integers(1, 3), st.integers(1, 120)), min_size=1, max_size=25))
def test_megatron_draws_each_count_exactly(counts: list[int]) -> None:
    assert megatron_counts([str(count) for count in counts]) == counts
