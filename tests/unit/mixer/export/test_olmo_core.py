"""OLMo-core's folder: entries, ratios that sum to 1, and OLMo-core's own rounding, which keeps the counts exact."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from midmix.mixer.export.exporter import make_folder
from midmix.mixer.export.olmo_core import OLMO_CORE, exact_ratios
from midmix.mixer.plan.manifest import Plan

PlanMaker = Callable[..., Plan]


def sources_of(plan: Plan, root: str = "") -> list[dict[str, Any]]:
    sources: list[dict[str, Any]] = yaml.safe_load(make_folder(OLMO_CORE, plan, root).texts["mixture.yaml"])["sources"]
    return sources


def test_every_pass_over_a_file_is_an_entry(plan: Plan) -> None:
    assert [(s["source_name"], s["target_ratio"], s["paths"]) for s in sources_of(plan)] == [
        ("math.00000.pass1", 0.166666666666666, ["tokens/anneal-math-00000.npy"]),
        ("math.00000.pass2", 0.083333333333333, ["tokens/anneal-math-00000.npy"]),
        ("web.00000.pass1", 0.500000000000001, ["tokens/anneal-web-00000.npy"]),
        ("web.00001.pass1", 0.25, ["tokens/anneal-web-00001.npy"]),
    ]
    assert all(s["max_repetition_ratio"] == s["max_source_fraction"] == 1.0 for s in sources_of(plan))
    assert sources_of(plan, "/out")[0]["paths"] == ["/out/tokens/anneal-math-00000.npy"]


def test_a_packed_stage_is_files_of_its_rows_with_masks(packed_plan: Plan) -> None:
    export = make_folder(OLMO_CORE, packed_plan, "/out")
    settings = json.loads(export.texts["dataset.json"])
    assert settings["paths"] == ["/out/tokens/anneal-web.00001.8.npy"]
    assert settings["label_mask_paths"] == ["/out/tokens/anneal-web.00001.8.mask.npy"]
    assert "mixture.yaml" not in export.texts
    assert OLMO_CORE.read_back(export.texts).draws == {("web", 1): 8}
    assert any("about 24 of 64 tokens (37.500%)" in note for note in export.notes)


def test_dataset_names_dtype_and_ids_outright(plan: Plan) -> None:
    export = make_folder(OLMO_CORE, plan, "")
    settings = json.loads(export.texts["dataset.json"])
    assert (settings["requested_tokens"], settings["global_batch_size"], settings["dtype"]) == (96, 16, "uint16")
    assert settings["tokenizer"] == {"vocab_size": 1000, "eos_token_id": 0, "pad_token_id": 0}
    assert settings["sequences"] == {"math": 3, "web": 9}
    assert settings["sources"] == {
        "math.00000.pass1": 2,
        "math.00000.pass2": 1,
        "web.00000.pass1": 6,
        "web.00001.pass1": 3,
    }
    assert settings["heldout"]["web"] == ["tokens/anneal-web-heldout-00000.npy"]
    assert export.links["tokens/anneal-web-00001.npy"].name == "main/web/train-00001.bin"


def test_small_shards_are_named(plan: Plan) -> None:
    assert [note.split(";")[0] for note in make_folder(OLMO_CORE, plan, "").notes] == [
        "domain math: 2 of its shards are below 100 sequences",
        "domain web: 2 of its shards are below 100 sequences",
    ]


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=50))
def test_ratios_sum_to_exactly_one(counts: list[int]) -> None:
    ratios = exact_ratios(counts)
    assert sum(Decimal(f"{ratio:f}") for ratio in ratios) == 1
    assert all(ratio > 0 for ratio in ratios)
    assert all(
        abs(float(ratio) - count / sum(counts)) <= 1e-15 * (len(counts) + 1)
        for ratio, count in zip(ratios, counts, strict=True)
    )


def olmo_counts(entries: list[tuple[int, Decimal]], requested: int, length: int) -> list[int]:
    """Sequences per entry (tokens of its file, ratio): `SourceMixtureDatasetConfig.build` of OLMo-core 3.0.0."""
    tokens = [math.ceil(size * (int(requested * float(ratio)) / size)) for size, ratio in entries]
    most = [size // length for size, _ in entries]
    counts = [min(t // length, m) for t, m in zip(tokens, most, strict=True)]
    rests = [(t % length) / length if c < m else 0.0 for t, c, m in zip(tokens, counts, most, strict=True)]
    missing = requested // length - sum(counts)
    eligible = [i for i in range(len(counts)) if counts[i] < most[i]]
    if missing > 0 and eligible:
        for i in eligible:
            counts[i] += min(missing // len(eligible), most[i] - counts[i])
        missing = requested // length - sum(counts)
        order = sorted(((rests[i], i) for i in eligible if counts[i] < most[i]), reverse=True)
        for _, i in order[: max(0, missing)]:
            counts[i] += 1
    return counts


@given(
    st.sampled_from([8, 100, 2048]),
    st.lists(st.tuples(st.integers(1, 400), st.integers(0, 2047), st.integers(1, 400)), min_size=1, max_size=40),
)
def test_olmo_core_keeps_each_count_exactly(length: int, files: list[tuple[int, int, int]]) -> None:
    """A file of `available` sequences and some tokens more, of which `wanted` are drawn, at most all."""
    wanted = [min(available, want) for available, _, want in files]
    sizes = [available * length + 1 + rest % length for available, rest, _ in files]
    entries = list(zip(sizes, exact_ratios(wanted), strict=True))
    assert olmo_counts(entries, sum(wanted) * length, length) == wanted
