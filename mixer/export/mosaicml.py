"""MosaicML streaming and llm-foundry: one MDS stream per shard, with the samples to `choose` of it per epoch.

A sample is one sequence of fixed length, so `choose` counts tokens too; `choose` above the size of a stream repeats it.
MDS shards are written here, since mosaicml-streaming brings a training stack with it; the bytes are its writer's.
Source: streaming/base/format/mds/writer.py and streaming/base/stream.py of mosaicml-streaming 0.13.0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from midmix.mixer.export.drawn import Drawn, drawn, sequence_blocks
from midmix.mixer.export.exporter import TRAINED_ON, Exporter, Part, Tell, padding_notes
from midmix.mixer.export.readback import StageRead
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import LearningRate, Stage

SHARD_BYTES = 1 << 26  # MDSWriter's default size limit
SCHEDULERS = {
    "constant": "constant_with_warmup",
    "linear": "linear_decay_with_warmup",
    "linear-to-zero": "linear_decay_with_warmup",
    "cosine": "cosine_with_warmup",
}
LOST = (
    "caps on epochs: streams repeat without a word; they were checked here",
    "the label of a sequence's last token: samples have sequence_length tokens and models shift labels inside",
    "RoPE scaling: a field of the model in llm-foundry",
    "tokenizer identity: not checked",
    "intervals, evidence, provenance",
)


def _stage(plan: Plan, stage: Stage, root: str) -> Part:
    entries = drawn(plan, stage)
    scheduler, unsaid = _scheduler(stage)
    text = {
        "max_seq_len": stage.sequence_length,
        "global_train_batch_size": stage.global_batch_sequences,
        "seed": stage.seed,
        "max_duration": f"{stage.token_budget}tok",
        "optimizer": {"lr": stage.learning_rate.start},
        **({"scheduler": scheduler} if scheduler else {}),
        "train_loader": {"name": "text", "dataset": _dataset(plan, stage, root), "drop_last": True},
    }
    words = [*unsaid, *_model(stage)]
    head = f"# Plan {plan.hash[:12]}, stage {stage.id}, for llm-foundry. Add model, tokenizer and load_path.\n"
    texts = {"train.yaml": _yaml(head, words, text), "README.md": _readme(plan, stage)}
    writers = tuple(partial(_write_stream, entry, plan.tokenizer.dtype, stage.sequence_length) for entry in entries)
    notes = [] if root else ["paths of streams are relative: launch from this folder, or export with --dest"]
    if stage.order and stage.order + 1 == len(plan.stages):
        curriculum, refused = _curriculum(plan, stage, root)
        texts |= curriculum
        notes += refused
    return Part(
        texts,
        {},
        (*notes, *padding_notes(stage, TRAINED_ON), *words),
        writers,
        sum(entry.distinct for entry in entries),
    )


def _dataset(plan: Plan, stage: Stage, root: str) -> dict[str, Any]:
    """The dataset of a stage whose folder is `root`."""
    prefix = f"{root}/streams" if root else "streams"
    streams = {
        entry.name: {"local": f"{prefix}/{entry.name}", "remote": None, "split": None, "choose": entry.sequences}
        for entry in drawn(plan, stage)
    }
    return {
        "streams": streams,
        "max_seq_len": stage.sequence_length,
        "shuffle": True,
        "shuffle_seed": stage.seed,
        "eos_token_id": plan.tokenizer.eos_id,
    }


def _curriculum(plan: Plan, last: Stage, root: str) -> tuple[dict[str, str], list[str]]:
    """`curriculum.yaml`, the last stages as one run, and in words which stages cannot be in it.

    The callback trains `duration` tokens of the train loader's dataset and then the datasets of its schedule; their
    durations sum to `max_duration`. Batch and model are those of the run.
    Source: llmfoundry/callbacks/curriculum_learning_callback.py of llm-foundry 0.22.0.
    """
    stages = [s for s in plan.stages if _one_run(plan.stages[s.order :])]
    apart = ", ".join(stage.id for stage in plan.stages if stage not in stages)
    refused = (
        [f"stages {apart} are runs of their own: batch, RoPE, document mask or optimizer change after them"]
        if apart
        else []
    )
    if len(stages) < 2:
        return {}, refused
    first, *others = stages
    text = {
        "max_seq_len": max(stage.sequence_length for stage in stages),
        "global_train_batch_size": last.global_batch_sequences,
        "seed": first.seed,
        "max_duration": f"{sum(stage.token_budget for stage in stages)}tok",
        "optimizer": {"lr": first.learning_rate.start},
        "train_loader": {"name": "text", "dataset": _dataset(plan, first, _sibling(root, first)), "drop_last": True},
        "callbacks": {
            "curriculum_learning": {
                "duration": f"{first.token_budget}tok",
                "schedule": [
                    {"duration": f"{s.token_budget}tok", "dataset": _dataset(plan, s, _sibling(root, s))}
                    for s in others
                ],
            }
        },
    }
    words = [
        f"scheduler: llm-foundry has one for the whole run; stage {s.id}: {_words(s.learning_rate)}" for s in stages
    ]
    names = ", ".join(stage.id for stage in stages)
    head = f"# Plan {plan.hash[:12]}, stages {names} in one run of llm-foundry. Add model, tokenizer and load_path.\n"
    return {"curriculum.yaml": _yaml(head, [*words, *_model(last)], text)}, refused


def _one_run(stages: Sequence[Stage]) -> bool:
    """Whether the stages agree in what stays the same within a run, and none begins with a fresh optimizer."""
    fixed = {(s.global_batch_sequences, str(s.rope), s.packing.document_mask) for s in stages}
    return len(fixed) == 1 and all(s.boundary.optimizer == "load" for s in stages[1:])


def _sibling(root: str, stage: Stage) -> str:
    return f"{root.rpartition('/')[0]}/{stage.id}" if root else f"../{stage.id}"


def _yaml(head: str, by_hand: Iterable[str], text: Mapping[str, Any]) -> str:
    return head + "".join(f"# By hand: {line}\n" for line in by_hand) + yaml.safe_dump(text, sort_keys=False)


def read_back(folder: Mapping[str, str]) -> StageRead:
    """A stage as its file in the folder has it: samples chosen of each stream."""
    text = yaml.safe_load(folder["train.yaml"])
    dataset = text["train_loader"]["dataset"]
    rate = text["optimizer"]["lr"]
    draws: dict[tuple[str, int], int] = {}
    for name, stream in dataset["streams"].items():
        domain, _, shard = name.rpartition("-")
        draws[domain, int(shard)] = stream["choose"]
    return StageRead(
        sequence_length=dataset["max_seq_len"],
        global_batch_sequences=text["global_train_batch_size"],
        sequences=int(text["max_duration"].removesuffix("tok")) // dataset["max_seq_len"],
        seed=dataset["shuffle_seed"],
        start=rate,
        end=text.get("scheduler", {}).get("alpha_f", 1.0) * rate,
        draws=draws,
    )


def _scheduler(stage: Stage) -> tuple[dict[str, Any] | None, list[str]]:
    """llm-foundry's scheduler, and in words what it has none for."""
    rate = stage.learning_rate
    if rate.schedule not in SCHEDULERS:
        return None, [f"learning rate {_words(rate)}: llm-foundry has no such schedule"]
    scheduler = {"name": SCHEDULERS[rate.schedule], "t_warmup": f"{rate.warmup_tokens}tok"}
    return scheduler | ({} if rate.schedule == "constant" else {"alpha_f": rate.end / rate.start}), []


def _words(rate: LearningRate) -> str:
    return f"{rate.schedule} {rate.decay or ''}".strip() + f" from {rate.start} to {rate.end}"


def _model(stage: Stage) -> list[str]:
    """Fields of the model that the stage needs."""
    words = ["model.attn_config.attn_uses_sequence_id: true"] if stage.packing.document_mask else []
    rope = stage.rope
    if rope is not None:
        words.append(f"model.attn_config.rope: true, rope_theta: {rope.base:.0f}")
        if rope.factor is not None:
            words.append(f"RoPE scaling {rope.scaling}, factor {rope.factor:g} of {rope.original_length} positions")
    return words


def _write_stream(
    entry: Drawn, dtype: str, sequence_length: int, folder: Path, token_files: Mapping[str, Path], tell: Tell
) -> list[str]:
    """The shards of one stream and its `index.json`."""
    item_bytes = np.dtype(dtype).itemsize
    config = _config(dtype, sequence_length)
    per_shard = max(1, SHARD_BYTES // (sequence_length * item_bytes + 4))
    target = folder / "streams" / entry.name
    target.mkdir(parents=True)
    rows = (
        row
        for block in sequence_blocks(token_files[entry.bin.name], dtype, sequence_length, entry.distinct)
        for row in block
    )
    shards = []
    for number, first in enumerate(range(0, entry.distinct, per_shard)):
        count = min(per_shard, entry.distinct - first)
        name = f"shard.{number:05d}.mds"
        num_bytes = _write_shard(target / name, rows, count, sequence_length * item_bytes, config)
        tell(count)
        raw = {"basename": name, "bytes": num_bytes, "hashes": {}}
        shards.append(config | {"raw_data": raw, "samples": count, "zip_data": None})
    index = json.dumps({"shards": shards, "version": 2}, sort_keys=True)
    (target / "index.json").write_text(index, encoding="utf-8")
    names = [*(shard["raw_data"]["basename"] for shard in shards), "index.json"]
    return [f"streams/{entry.name}/{name}" for name in names]


def _config(dtype: str, sequence_length: int) -> dict[str, Any]:
    return {
        "version": 2,
        "format": "mds",
        "compression": None,
        "hashes": [],
        "size_limit": SHARD_BYTES,
        "column_names": ["tokens"],
        "column_encodings": [f"ndarray:{dtype}:{sequence_length}"],
        "column_sizes": [sequence_length * np.dtype(dtype).itemsize],
    }


def _write_shard(path: Path, rows: Any, count: int, sample_bytes: int, config: dict[str, Any]) -> int:
    """One MDS file: number of samples, their offsets, the config, the samples. Returns its size."""
    text = json.dumps(config, sort_keys=True).encode()
    first = 4 + 4 * (count + 1) + len(text)
    with path.open("wb") as stream:
        stream.write(np.uint32(count).tobytes())
        stream.write((np.arange(count + 1, dtype=np.uint64) * sample_bytes + first).astype("<u4").tobytes())
        stream.write(text)
        for _ in range(count):
            stream.write(next(rows).tobytes())
    return first + count * sample_bytes


def _readme(plan: Plan, stage: Stage) -> str:
    return f"""\
# Stage {stage.id} for MosaicML streaming and llm-foundry

`train.yaml` is the data, duration and schedule of an llm-foundry configuration; `load.py` builds the same
`StreamingDataset` without llm-foundry. Every sample has {stage.sequence_length} tokens (column `tokens`), `choose` counts
samples of each stream, {stage.sequences} in all: one epoch is the stage. Plan {plan.hash}.
"""


MOSAICML = Exporter(
    target="mosaicml-streaming",
    target_version="0.13.0",
    unit_conversion="choose = samples drawn from the stream; one sample is one sequence",
    lost=LOST,
    stage=_stage,
    read_back=read_back,
    scripts={"load.py": "mosaicml_load.py"},
)
