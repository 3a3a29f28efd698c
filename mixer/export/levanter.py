"""Levanter: the stage pre-mixed as parquet, as a component of prebuilt sequences with a weight of its own.

Levanter tokenizes what it reads; rows of `input_ids` are taken as they are by its format `prebuilt`, one row a
sequence. Weights of several components are drawn by block and rounded in it; one component has no such loss.
Source: levanter/data/text/formats.py (`PrebuiltLmDatasetFormat`) and datasets.py (`LmDataConfig`) of marin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from midmix.mixer.export.exporter import Exporter, Part
from midmix.mixer.export.materialise import LOST as MATERIALISED_LOST
from midmix.mixer.export.materialise import parquet_part, read_back
from midmix.mixer.export.readback import StageRead
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import LearningRate, Stage

SCHEDULES = {"constant": "constant", "linear": "linear", "linear-to-zero": "linear", "cosine": "cosine"}
LOST = (
    "RoPE: the model's configuration; sequence length is fixed for a run, so each stage is a run of its own",
    *MATERIALISED_LOST,
)


def _stage(plan: Plan, stage: Stage, root: str) -> Part:
    part = parquet_part(plan, stage)
    steps = stage.sequences // stage.global_batch_sequences
    optimizer, unsaid = _optimizer(stage.learning_rate, stage, steps)
    weights = {"loss_weights_key": "loss_weights"} if stage.packing.method == "best-fit" else {}
    config: dict[str, Any] = {
        "data": {
            "tokenizer": plan.tokenizer.id,
            "cache_dir": f"{root}/cache" if root else "cache",
            "shuffle": False,
            "components": {
                stage.id: {
                    "source": {
                        "type": "url",
                        "train_urls": [f"{root}/train-*.parquet" if root else "train-*.parquet"],
                    },
                    "format": {"type": "prebuilt", "input_ids_key": "input_ids"} | weights,
                }
            },
            "train_weights": {stage.id: 1.0},
        },
        "train_seq_len": stage.sequence_length,
        "trainer": {
            "seed": stage.seed,
            "train_batch_size": stage.global_batch_sequences,
            "num_train_steps": steps,
        },
        "optimizer": optimizer,
    }
    rope = stage.rope
    if rope is not None:
        unsaid.append(f"model.rope: theta {rope.base:.0f}, scaling {rope.scaling}, factor {rope.factor}")
    head = f"# Plan {plan.hash[:12]}, stage {stage.id}, for levanter.main.train_lm. Add model and initialize_from.\n"
    head += "".join(f"# By hand: {words}\n" for words in unsaid)
    texts = part.texts | {"train_lm.yaml": head + yaml.safe_dump(config, sort_keys=False)}
    return Part(texts, part.links, (*part.notes, *unsaid), part.writers, part.sequences)


def read_levanter(folder: Mapping[str, str]) -> StageRead:
    """A stage as its files in the folder have it: what the parquet files hold, and how long Levanter trains on them."""
    read = read_back(folder)
    config = yaml.safe_load(folder["train_lm.yaml"])
    trainer, optimizer = config["trainer"], config["optimizer"]
    return StageRead(
        sequence_length=config["train_seq_len"],
        global_batch_sequences=trainer["train_batch_size"],
        sequences=trainer["num_train_steps"] * trainer["train_batch_size"],
        seed=trainer["seed"],
        start=optimizer["learning_rate"],
        end=optimizer.get("min_lr_ratio", 1.0) * optimizer["learning_rate"],
        draws=read.draws,
    )


def _optimizer(rate: LearningRate, stage: Stage, steps: int) -> tuple[dict[str, Any], list[str]]:
    """Levanter's optimizer fields for the rate, and in words what it has none for."""
    batch = stage.global_batch_tokens
    fields: dict[str, Any] = {"learning_rate": rate.start, "min_lr_ratio": rate.end / rate.start}
    fields["warmup"] = rate.warmup_tokens // batch
    if rate.schedule == "wsd" and rate.decay in ("linear", "cosine"):
        first = rate.warmup_tokens if rate.decay_start is None else rate.decay_start
        return fields | {"lr_schedule": rate.decay, "decay": steps - first // batch}, []
    if rate.schedule in SCHEDULES:
        return fields | {"lr_schedule": SCHEDULES[rate.schedule]}, []
    return fields, [f"Levanter has no learning rate schedule {rate.schedule} {rate.decay or ''}".strip()]


LEVANTER = Exporter(
    target="levanter",
    target_version="1.2",
    unit_conversion="every sequence is written as a row as often as it is drawn; weight 1 for the one component",
    lost=LOST,
    stage=_stage,
    read_back=read_levanter,
    scripts={"load.py": "parquet_load.py"},
)
