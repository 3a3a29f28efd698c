"""Levanter's configuration: one component of prebuilt sequences, fields of its own, the stage's steps and rates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from midmix.config import StageSection
from midmix.config.stages import Rate
from midmix.mixer.export.exporter import make_folder
from midmix.mixer.export.levanter import LEVANTER
from midmix.mixer.plan.manifest import Plan

# Fields of TrainLmConfig, LmDataConfig, TrainerConfig and OptimizerConfig that a stage sets.
FIELDS = {
    "": {"data", "train_seq_len", "trainer", "optimizer"},
    "data": {"tokenizer", "cache_dir", "shuffle", "components", "train_weights"},
    "trainer": {"seed", "train_batch_size", "num_train_steps"},
    "optimizer": {"learning_rate", "min_lr_ratio", "warmup", "decay", "lr_schedule"},
}


def config_of(plan: Plan, root: str = "") -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(make_folder(LEVANTER, plan, root).texts["train_lm.yaml"])
    return config


def test_the_stage_is_one_component_of_rows_taken_as_they_are(plan: Plan) -> None:
    config = config_of(plan, "/data")
    assert set(config) == FIELDS[""]
    assert all(set(config[name]) <= FIELDS[name] for name in ("data", "trainer", "optimizer"))
    component = config["data"]["components"]["anneal"]
    assert component["source"] == {"type": "url", "train_urls": ["/data/train-*.parquet"]}
    assert component["format"] == {"type": "prebuilt", "input_ids_key": "input_ids"}
    assert config["data"]["train_weights"] == {"anneal": 1.0} and config["data"]["shuffle"] is False
    assert config["trainer"] == {"seed": 7, "train_batch_size": 2, "num_train_steps": 6}
    assert config["train_seq_len"] == 8


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (Rate(schedule="cosine", start=1e-3, end=1e-4), {"lr_schedule": "cosine", "min_lr_ratio": 0.1}),
        (
            Rate(schedule="wsd", start=1e-3, end=0, decay_start=32, decay="linear"),
            {"lr_schedule": "linear", "decay": 4},
        ),
        (Rate(schedule="linear", start=1e-3, warmup_tokens=16), {"lr_schedule": "linear", "warmup": 1}),
    ],
)
def test_rates_are_fields_of_the_optimizer(
    make_plan: Callable[..., Plan], rate: Rate, expected: dict[str, Any]
) -> None:
    plan = make_plan({"web": [201]}, {"web": 1}, tokens=96, stages=[StageSection(name="a", learning_rate=rate)])
    optimizer = config_of(plan)["optimizer"]
    assert {name: optimizer[name] for name in expected} == expected


def test_a_decay_that_levanter_lacks_is_said(make_plan: Callable[..., Plan]) -> None:
    rate = Rate(schedule="1-sqrt", start=1e-3, end=0)
    plan = make_plan({"web": [81]}, {"web": 1}, tokens=32, stages=[StageSection(name="a", learning_rate=rate)])
    export = make_folder(LEVANTER, plan, "")
    assert any("no learning rate schedule 1-sqrt" in note for note in export.notes)
    assert "lr_schedule" not in config_of(plan)["optimizer"]
