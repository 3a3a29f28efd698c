"""Checkpoints are known by their files; what is none is refused with what was found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from midmix.errors import ConfigError
from midmix.mixer.jobs.checkpoint import megatron_checkpoint, olmo_core_checkpoint

CONFIG = {"model": {}, "train_module": {"_CLASS_": "olmo_core.train.train_module.TransformerTrainModuleConfig"}}


def olmo(folder: Path, config: Any = CONFIG) -> Path:
    (folder / "model_and_optim").mkdir(parents=True)
    (folder / "model_and_optim" / ".metadata").touch()
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_step_of_olmo_core(tmp_path: Path) -> None:
    found = olmo_core_checkpoint(olmo(tmp_path / "step12"))
    assert (found.folder, found.iteration, found.saved) == (tmp_path / "step12", None, tmp_path / "step12")


def test_a_folder_of_steps_is_refused_with_the_steps(tmp_path: Path) -> None:
    olmo(tmp_path / "step12")
    with pytest.raises(ConfigError, match=r"no model_and_optim/.metadata.*it holds step12: name one of them"):
        olmo_core_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model": {}}, "has no train_module, which the jobs take from it"),
        ([], "has no model and no train_module"),
        ({"model": {}, "train_module": {"_CLASS_": "x.Other"}}, "has a train_module of Other, expected Transformer"),
    ],
)
def test_a_config_without_model_or_train_module_is_refused(tmp_path: Path, config: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        olmo_core_checkpoint(olmo(tmp_path / "step1", config))


def test_a_config_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (olmo(tmp_path / "step1") / "config.json").write_text("{")
    with pytest.raises(ConfigError, match="cannot be read as JSON"):
        olmo_core_checkpoint(tmp_path / "step1")


@pytest.mark.parametrize("form", ["common.pt", "mp_rank_00/model_optim_rng.pt"])
def test_megatrons_folder_and_its_iteration_are_the_same(tmp_path: Path, form: str) -> None:
    file = tmp_path / "iter_0000100" / form
    file.parent.mkdir(parents=True)
    file.touch()
    (tmp_path / "latest_checkpointed_iteration.txt").write_text("100")
    found = megatron_checkpoint(tmp_path)
    assert found == megatron_checkpoint(tmp_path / "iter_0000100")
    assert (found.folder, found.iteration, found.saved) == (tmp_path, 100, tmp_path / "iter_0000100")


def test_what_megatron_did_not_save_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"latest_checkpointed_iteration.txt names no iteration"):
        megatron_checkpoint(tmp_path)
    (tmp_path / "latest_checkpointed_iteration.txt").write_text("release")
    with pytest.raises(ConfigError, match="names no iteration"):
        megatron_checkpoint(tmp_path)
    with pytest.raises(ConfigError, match="holds no Megatron checkpoint"):
        megatron_checkpoint(tmp_path / "iter_0000007")
