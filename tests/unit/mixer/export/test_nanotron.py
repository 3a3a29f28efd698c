"""nanotron's stages and fields, and datatrove's side files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from midmix.config import StageSection
from midmix.config.stages import Boundary, Rate
from midmix.mixer.export.exporter import Export, make_folder
from midmix.mixer.export.nanotron import NANOTRON
from midmix.mixer.plan.manifest import Plan

PlanMaker = Callable[..., Plan]
# Fields of the dataclasses in nanotron/config/config.py.
FIELDS = {
    "config": {"general", "tokens", "optimizer", "data_stages"},
    "stage": {"name", "start_training_step", "data", "sequence_length"},
    "data": {"dataset", "seed", "num_loading_workers"},
    "dataset": {
        *("dataset_folder", "dataset_weights", "dataset_read_path", "tokenizer_name", "vocab_size"),
        *("token_size_in_bytes", "return_positions", "skip_in_stream", "pad_samples_to_global_batch_size"),
        *("dataset_max_tokens", "shuffle_files", "use_old_brrr_dataloader"),
    },
    "scheduler": {
        *("learning_rate", "lr_warmup_steps", "lr_warmup_style", "lr_decay_style", "lr_decay_steps"),
        *("lr_decay_starting_step", "min_decay_lr"),
    },
}


def config_of(export: Export, folder: str = "") -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(export.texts[f"{folder}nanotron.yaml"])
    return config


def test_folders_are_weighed_by_sequences(plan: Plan) -> None:
    export = make_folder(NANOTRON, plan, "/data")
    (stage,) = config_of(export)["data_stages"]
    dataset = stage["data"]["dataset"]
    assert dataset["dataset_folder"] == [f"/data/s3-tokens/{n}" for n in ("math-00000", "web-00000", "web-00001")]
    assert dataset["dataset_weights"] == [3, 6, 3]
    assert (dataset["token_size_in_bytes"], dataset["vocab_size"], dataset["tokenizer_name"]) == (2, 1000, "t")
    assert config_of(export)["tokens"] == {"sequence_length": 8, "train_steps": 6}
    assert export.links["s3-tokens/web-00001/000.ds"].name == "main/web/train-00001.bin"


def test_every_field_is_one_of_nanotron(plan: Plan) -> None:
    config = config_of(make_folder(NANOTRON, plan, ""))
    (stage,) = config["data_stages"]
    assert set(config) <= FIELDS["config"]
    assert set(stage) <= FIELDS["stage"]
    assert set(stage["data"]) <= FIELDS["data"]
    assert set(stage["data"]["dataset"]) <= FIELDS["dataset"]
    scheduler = config["optimizer"]["learning_rate_scheduler"]
    assert set(scheduler) == FIELDS["scheduler"]
    assert scheduler["lr_decay_style"] in ("linear", "cosine", "1-sqrt")


def test_a_file_keeps_the_stages_before_it(make_plan: PlanMaker) -> None:
    stages = [
        StageSection(name="one", tokens=32),
        StageSection(name="two", tokens=48, boundary=Boundary(learning_rate="restart"), learning_rate=Rate(start=1e-4)),
    ]
    plan = make_plan({"web": [401]}, {"web": 1}, tokens=32, stages=stages, document_tokens=9)
    export = make_folder(NANOTRON, plan, "/data")
    assert [s["name"] for s in config_of(export, "one/")["data_stages"]] == ["one"]
    two = config_of(export, "two/")
    assert [(s["name"], s["start_training_step"]) for s in two["data_stages"]] == [("one", 1), ("two", 3)]
    assert two["tokens"]["train_steps"] == 5
    assert two["data_stages"][0]["data"]["dataset"]["dataset_folder"][0].startswith("/data/one/")
    assert two["optimizer"]["learning_rate_scheduler"]["lr_decay_starting_step"] == 2


def test_another_sequence_length_begins_a_run_of_its_own(make_plan: PlanMaker) -> None:
    restart = Boundary(learning_rate="restart", batch="changed")
    stages = [
        StageSection(name="one", tokens=32),
        StageSection(name="two", tokens=64, sequence_length=16, boundary=restart, learning_rate=Rate(start=1e-4)),
    ]
    plan = make_plan({"web": [401]}, {"web": 1}, tokens=32, stages=stages, document_tokens=9)
    config = config_of(make_folder(NANOTRON, plan, ""), "two/")
    assert [(s["name"], s["start_training_step"]) for s in config["data_stages"]] == [("two", 1)]


def test_a_decay_that_nanotron_lacks_is_said(make_plan: PlanMaker) -> None:
    rate = Rate(schedule="exponential", start=1e-3, end=1e-4)
    plan = make_plan({"web": [81]}, {"web": 1}, tokens=32, stages=[StageSection(name="a", learning_rate=rate)])
    export = make_folder(NANOTRON, plan, "/data")
    assert any("no learning rate schedule exponential" in note for note in export.notes)


def test_index_and_metadata_are_those_of_datatrove(
    plan: Plan, token_files: Callable[[Plan], dict[str, Path]], tmp_path: Path
) -> None:
    from datatrove.pipeline.tokens.tokenizer import TokenizedFile

    files = token_files(plan)
    export = make_folder(NANOTRON, plan, "")
    for name in ("math-00000", "web-00000", "web-00001"):
        (tmp_path / "s3-tokens" / name).mkdir(parents=True)
    ((_, writer),) = export.writers
    assert writer(tmp_path, files, [].append)[2] == "s3-tokens/web-00001/000.ds.index"
    tokens = np.fromfile(files["main/web/train-00001.bin"], "<u2").tolist()
    theirs = TokenizedFile(
        str(tmp_path), "theirs.ds", tokenizer_name_or_path="t", save_final_metadata=True, token_size=2
    )
    for start in range(0, len(tokens), 4):
        theirs.write(tokens[start : start + 4], None)
    theirs.close()
    index = tmp_path / "s3-tokens/web-00001/000.ds.index"
    assert index.read_bytes() == (tmp_path / "theirs.ds.index").read_bytes()
    assert files["main/web/train-00001.bin"].read_bytes() == (tmp_path / "theirs.ds").read_bytes()
    ours = export.texts["s3-tokens/web-00001/000.ds.metadata"].split("\n")[:2]
    assert ours == (tmp_path / "theirs.ds.metadata").read_text().split("\n")[:2]


@pytest.mark.parametrize("root", ["", "/data"])
def test_paths_have_the_letters_that_nanotron_asserts(plan: Plan, root: str) -> None:
    (stage,) = config_of(make_folder(NANOTRON, plan, root))["data_stages"]
    assert all("s3" in path for path in stage["data"]["dataset"]["dataset_folder"])
