"""The replayed orders against the trainers' own loaders: every token of every step of an export.

megatron-core and ai2-olmo-core are tried where they are installed.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from midmix.mixer.export.trainers import export_plan
from midmix.mixer.exposure.replay import ORDERS, Replay, StepRead
from midmix.mixer.plan.indexed import read_lengths
from midmix.mixer.plan.joined import find_joints
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Shard, Stage
from midmix.table_manifest import load_manifest


def missing(*packages: str) -> bool:
    return any(importlib.util.find_spec(name) is None for name in packages)


class Texts:
    """Tokens of documents: from the plan's shards by place, from tokenize's shards by key."""

    def __init__(self, run: Path, plan: Plan) -> None:
        manifests = [load_manifest(run, name) for name in ("tokens", "plan")]
        self.paths = {a.name: run / a.path for m in manifests for a in m.attached}
        self.shards = {(d.id, s.index): s for d in plan.domains for s in d.shards}
        self.by_key: dict[int, np.ndarray[Any, Any]] = {}
        import polars as pl

        rows = pl.concat([pl.read_parquet(path) for path in manifests[0].paths(run)])
        for row in rows.iter_rows(named=True):
            name = f"main/{row['domain']}/{row['split']}-{row['shard']:05d}.bin"
            self.by_key[row["doc"]] = self.tokens(name)[row["offset"] : row["offset"] + row["num_tokens"]]

    def tokens(self, name: str) -> np.ndarray[Any, Any]:
        return np.fromfile(self.paths[name], "<u2")

    def start(self, shard: Shard, read: StepRead) -> int:
        """Where in the shard's file what was read begins."""
        if shard.packed is None:
            ends = np.cumsum(read_lengths(self.paths[shard.idx.name]))
            return int(ends[read.document - 1] if read.document else 0) + read.first
        documents, firsts, sizes = np.fromfile(self.paths[shard.packed.runs.name], "<i8").reshape(-1, 3).T
        held = (documents == read.document) & (firsts <= read.first) & (read.first < firsts + sizes)
        (run,) = np.flatnonzero(held)
        return int(sizes[:run].sum() + read.first - firsts[run])

    def of(self, read: StepRead) -> np.ndarray[Any, Any]:
        shard = self.shards[read.domain, read.shard]
        start = self.start(shard, read)
        found = self.tokens(shard.bin.name)[start : start + read.end - read.first]
        if read.doc is not None:
            assert np.array_equal(found, self.by_key[read.doc][read.first : read.end])
        else:
            assert read.domain == "old"
        return found


def test_both_stages_read_shards_that_are_joined(plan: Plan) -> None:
    """What the tests below rest on; both read shards as they are besides."""
    joined = {(joint.domain, shard.index) for joint in find_joints(plan) for shard in joint.shards}
    read = [{(share.domain, shard.index) for share in s.mixture for _, shard in plan.drawn(share)} for s in plan.stages]
    assert all(joined & places and places - joined for places in read)


def replayed(replay: Replay, texts: Texts, stage: Stage, step: int) -> list[list[int]]:
    """Token ids of every sequence of a step, as the replay names them."""
    sequences: list[list[int]] = [[] for _ in range(stage.global_batch_sequences)]
    for read in replay.step(stage, step):
        sequences[read.sequence] += texts.of(read).tolist()
    return sequences


def text_of(sequence: list[int], stage: Stage) -> list[int]:
    """A sequence and its label without the ids that fill up a packed row: those after the last document's end of text."""
    row, label = sequence[: stage.sequence_length], sequence[stage.sequence_length :]
    while stage.packing.method == "best-fit" and row[-2:] == [0, 0]:
        row.pop()
    return row + label


@pytest.fixture
def one_rank() -> Iterator[None]:
    """torch.distributed with one process, which megatron-core asks for where it caches its indices."""
    import torch

    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def megatron_samples(folder: Path, stage: Stage, cache: Path) -> Iterator[list[int]]:
    """Token ids of every sample of a stage, its last label included, by megatron-core's own blend."""
    from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
    from megatron.core.datasets.utils import get_blend_from_list

    class Tokenizer:
        eod, pad, vocab_size, unique_identifiers = 0, 5_000, 1000, {"name": "w"}

    blend = json.loads((folder / "blend.json").read_text())
    given = [line.split() for line in (folder / "arguments.txt").read_text().splitlines() if line.startswith("--")]
    arguments = {words[0]: words[-1] for words in given}
    samples = int(arguments["--train-samples"])
    config = GPTDatasetConfig(
        random_seed=int(arguments["--seed"]),
        sequence_length=int(arguments["--seq-length"]),
        blend_per_split=[get_blend_from_list(blend["train"]), None, None],
        path_to_cache=str(cache),
        tokenizer=Tokenizer(),
        reset_position_ids=False,
        reset_attention_mask=False,
        eod_mask_loss=False,
    )
    train, _, _ = BlendedMegatronDatasetBuilder(GPTDataset, [samples, 0, 0], lambda: True, config).build()
    assert samples == stage.sequences
    for sample in range(samples):
        item = train[sample]
        yield [*item["tokens"].tolist(), int(item["labels"][-1])]


@pytest.mark.skipif(
    missing("megatron.core", "torch") if not missing("megatron") else True, reason="needs megatron-core"
)
@pytest.mark.usefixtures("one_rank")
def test_megatron_reads_every_step_as_replayed(either_run: tuple[Path, Plan], tmp_path: Path) -> None:
    planned_run, plan = either_run
    export_plan(planned_run, ["megatron"], tmp_path / "out", absolute=True)
    replay, texts = Replay(planned_run, plan, trainer="megatron"), Texts(planned_run, plan)
    for stage in plan.stages:
        samples = megatron_samples(tmp_path / "out" / "megatron" / stage.id, stage, tmp_path / "cache")
        for step in range(1, replay.order(stage).num_steps + 1):
            for sequence in replayed(replay, texts, stage, step):
                assert sequence == text_of(next(samples), stage), (stage.id, step)
        assert next(samples, None) is None


def olmo_batches(folder: Path, stage: Stage, work: Path) -> Iterator[list[list[int]]]:
    """Token ids of every batch of a stage by OLMo-core's own data loader."""
    from olmo_core.data import NumpyDataLoaderConfig

    spec = importlib.util.spec_from_file_location("exported_load", folder / "load.py")
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    sys.modules["exported_load"] = script
    spec.loader.exec_module(script)
    settings = json.loads((folder / "dataset.json").read_text())
    dataset = script.load_config(str(work), folder).build()
    dataset.prepare()
    config = NumpyDataLoaderConfig(
        global_batch_size=settings["global_batch_size"], seed=settings["seed"], work_dir=str(work)
    )
    loader = config.build(dataset)
    loader.reshuffle(epoch=1, in_memory=True)
    for batch in loader:
        yield batch["input_ids"].tolist()
    assert settings["seed"] == stage.seed


@pytest.mark.skipif(missing("olmo_core"), reason="needs ai2-olmo-core")
def test_olmo_core_reads_every_step_as_replayed(either_run: tuple[Path, Plan], tmp_path: Path) -> None:
    planned_run, plan = either_run
    export_plan(planned_run, ["olmo-core"], tmp_path / "out", absolute=True)
    replay, texts = Replay(planned_run, plan, trainer="olmo-core"), Texts(planned_run, plan)
    for stage in plan.stages:
        batches = olmo_batches(tmp_path / "out" / "olmo-core" / stage.id, stage, tmp_path / f"work-{stage.id}")
        for step in range(1, replay.order(stage).num_steps + 1):
            batch = [text_of(sequence, stage) for sequence in next(batches)]
            assert replayed(replay, texts, stage, step) == batch, (stage.id, step)
        assert next(batches, None) is None


@pytest.mark.parametrize("trainer", ORDERS)
def test_steps_of_documents_are_those_that_name_them(either_run: tuple[Path, Plan], trainer: str) -> None:
    planned_run, plan = either_run
    replay = Replay(planned_run, plan, trainer=trainer)
    texts = Texts(planned_run, plan)
    for stage in plan.stages:
        read: dict[int, dict[int, int]] = {}
        for step in range(1, replay.order(stage).num_steps + 1):
            for found in replay.step(stage, step):
                if found.doc is not None:
                    steps = read.setdefault(found.doc, {})
                    steps[step] = steps.get(step, 0) + found.tokens
        keys = np.array(sorted(texts.by_key), np.uint64)
        for key in keys[::5]:
            rows = replay.places.tokens_of(np.array([key], np.uint64))
            exposures = [e for e in replay.exposures(replay.places.held(rows)) if e.stage == stage.id]
            steps = {
                k: n
                for e in exposures
                if e.steps
                for k, n in zip(e.steps.steps.tolist(), e.steps.tokens.tolist(), strict=True)
            }
            assert steps == read.get(int(key), {})
