"""nanotron: datatrove token files in a folder per shard, and the data stages up to this one.

Weights are sequences drawn from a folder; its blend is Megatron's, so every folder gets its number. The last stage of a
file is trained alone, so each stage has a file of its own that keeps those before it; where sequence length or batch
change, nanotron takes no stage over and a file begins anew.
Source: nanotron/config/config.py and data/tokenized_bytes.py; datatrove/pipeline/tokens/tokenizer.py of 0.10.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from midmix.errors import InputError
from midmix.mixer.export.drawn import Drawn, drawn
from midmix.mixer.export.exporter import Exporter, Part, Tell
from midmix.mixer.export.readback import StageRead
from midmix.mixer.plan.indexed import read_lengths
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import LearningRate, Stage, TokenFile

# nanotron's consumption statistics assert that "s3" stands in the path of a dataset.
TOKENS = "s3-tokens"
DECAYS = {"constant": "linear", "linear": "linear", "linear-to-zero": "linear", "cosine": "cosine", "1-sqrt": "1-sqrt"}
LOST = (
    "caps on epochs: folders are repeated without a word; they were checked here",
    "RoPE: the model's configuration; micro_batch_size and batch_accumulation_per_replica are yours, their product with "
    "the number of replicas must be the global batch",
    "two of the plan's sequences may share a token: nanotron reads sequence length + 1 tokens that do not overlap, so "
    "one pass over a shard has a few sequences less",
    "intervals, evidence, provenance",
)


def _stage(plan: Plan, stage: Stage, root: str) -> Part:
    if stage.packing.method == "best-fit":
        raise InputError(
            f"nanotron: reads sequence length + 1 tokens that do not overlap, so the rows of stage {stage.id}, packed "
            f"best-fit, would not stay whole; export to another trainer, or plan it with packing: concatenate-and-chunk"
        )
    before = _chain(plan, stage)
    stages, step = [], 1
    for each in (*before, stage):
        folder = root if each.id == stage.id else _sibling(root, each)
        stages.append({"name": each.id, "start_training_step": step, "data": _data(plan, each, folder)})
        step += _steps(each)
    scheduler, unsaid = _scheduler(stage, step - 1 - _steps(stage))
    unsaid += _model(stage)
    config = {
        "general": {"seed": stage.seed},
        "tokens": {"sequence_length": stage.sequence_length, "train_steps": step - 1},
        "optimizer": {"learning_rate_scheduler": scheduler},
        "data_stages": stages,
    }
    head = f"# Plan {plan.hash[:12]}, stage {stage.id}, for nanotron. Add model, parallelism, checkpoints, batch.\n"
    head += f"# Global batch: {stage.global_batch_sequences} sequences.\n"
    head += "".join(f"# By hand: {words}\n" for words in unsaid)
    entries = drawn(plan, stage)
    texts = {
        "nanotron.yaml": head + yaml.safe_dump(config, sort_keys=False),
        "README.md": _readme(plan, stage),
        **{f"{TOKENS}/{e.name}/000.ds.metadata": _metadata(plan, e) for e in entries},
    }
    links: dict[str, TokenFile] = {f"{TOKENS}/{e.name}/000.ds": e.bin for e in entries}
    notes = [] if root else ["paths of datasets are relative: launch from this folder, or export with --dest"]
    return Part(texts, links, (*notes, *unsaid), (partial(_write_indices, plan, entries),))


def read_back(folder: Mapping[str, str]) -> StageRead:
    """A stage as its file in the folder has it: sequences drawn from each folder of its last data stage."""
    config = yaml.safe_load(folder["nanotron.yaml"])
    last = config["data_stages"][-1]
    dataset, rate = last["data"]["dataset"], config["optimizer"]["learning_rate_scheduler"]
    draws: dict[tuple[str, int], int] = {}
    for path, weight in zip(dataset["dataset_folder"], dataset["dataset_weights"], strict=True):
        domain, _, shard = path.rpartition("/")[2].rpartition("-")
        draws[domain, int(shard)] = weight
    steps = config["tokens"]["train_steps"] - last["start_training_step"] + 1
    sequences = sum(draws.values())
    return StageRead(
        sequence_length=config["tokens"]["sequence_length"],
        global_batch_sequences=sequences // steps,
        sequences=sequences,
        seed=last["data"]["seed"],
        start=rate["learning_rate"],
        end=rate["min_decay_lr"],
        draws=draws,
    )


def _chain(plan: Plan, stage: Stage) -> list[Stage]:
    """The stages before this one that one run of nanotron has together with it."""
    chain: list[Stage] = []
    for each in plan.stages[: stage.order]:
        chain.append(each)
        if (each.sequence_length, each.global_batch_sequences) != (stage.sequence_length, stage.global_batch_sequences):
            chain = []
    return chain


def _sibling(root: str, stage: Stage) -> str:
    return f"{root.rpartition('/')[0]}/{stage.id}" if root else f"../{stage.id}"


def _steps(stage: Stage) -> int:
    return stage.sequences // stage.global_batch_sequences


def _data(plan: Plan, stage: Stage, root: str) -> dict[str, Any]:
    entries = drawn(plan, stage)
    prefix = f"{root}/" if root else ""
    return {
        "seed": stage.seed,
        "num_loading_workers": 1,
        "dataset": {
            "dataset_folder": [f"{prefix}{TOKENS}/{entry.name}" for entry in entries],
            "dataset_weights": [entry.sequences for entry in entries],
            "tokenizer_name": plan.tokenizer.id,
            "vocab_size": plan.tokenizer.vocabulary_size,
            "token_size_in_bytes": np.dtype(plan.tokenizer.dtype).itemsize,
            "return_positions": stage.packing.document_mask,
        },
    }


def _scheduler(stage: Stage, steps_before: int) -> tuple[dict[str, Any], list[str]]:
    """nanotron's scheduler, its steps counted over the run, and in words what it has none for."""
    rate, batch = stage.learning_rate, stage.global_batch_tokens
    style = DECAYS.get((rate.decay or "") if rate.schedule == "wsd" else rate.schedule)
    first = rate.warmup_tokens if rate.decay_start is None else rate.decay_start
    scheduler = {
        "learning_rate": rate.start,
        "lr_warmup_steps": rate.warmup_tokens // batch,
        "lr_warmup_style": "linear",
        "lr_decay_style": style or "linear",
        "lr_decay_starting_step": steps_before + first // batch,
        "lr_decay_steps": _steps(stage) - first // batch,
        "min_decay_lr": rate.end,
    }
    return scheduler, [] if style else [f"nanotron has no learning rate schedule {_words(rate)}"]


def _model(stage: Stage) -> list[str]:
    """Fields of the model that the stage needs."""
    if stage.rope is None:
        return []
    words = [f"model.model_config.rope_theta: {stage.rope.base:.0f}"]
    if stage.rope.factor is not None:
        words.append(f"RoPE scaling {stage.rope.scaling}, factor {stage.rope.factor:g} of {stage.rope.original_length}")
    return words


def _words(rate: LearningRate) -> str:
    return f"{rate.schedule} {rate.decay or ''}".strip()


def _metadata(plan: Plan, entry: Drawn) -> str:
    """datatrove's `.ds.metadata`: tokenizer and bytes of a token, tokens, and tokens for people."""
    item = np.dtype(plan.tokenizer.dtype).itemsize
    tokens = entry.bin.bytes // item
    return f"{plan.tokenizer.id}|{item}\n{tokens}\n{tokens:,} tokens"


def _write_indices(
    plan: Plan, entries: list[Drawn], folder: Path, token_files: Mapping[str, Path], tell: Tell
) -> list[str]:
    """datatrove's `.ds.index` of every shard: where each document ends, in tokens, as uint64."""
    indices = {shard.bin.name: shard.idx.name for domain in plan.domains for shard in domain.shards}
    names = []
    for entry in entries:
        lengths = read_lengths(token_files[indices[entry.bin.name]])
        name = f"{TOKENS}/{entry.name}/000.ds.index"
        (folder / name).write_bytes(np.cumsum(lengths).astype("<u8").tobytes())
        names.append(name)
    return names


def _readme(plan: Plan, stage: Stage) -> str:
    return f"""\
# Stage {stage.id} for nanotron

`nanotron.yaml` has the data stages up to this one, which alone is trained, its steps and its learning rate. Weights
count sequences of {stage.sequence_length} tokens, {stage.sequences} in all. `.ds` files are the run's token files, with datatrove's index of
documents. nanotron needs the branch of datatrove that its README names. Plan {plan.hash}.
"""


NANOTRON = Exporter(
    target="nanotron",
    target_version="0.4 and later",
    unit_conversion="weight = sequences drawn from the folder; one sample is one sequence and a label token",
    lost=LOST,
    stage=_stage,
    read_back=read_back,
    scripts={"load.py": "nanotron_load.py"},
)
