"""llm-foundry's YAML and the MDS shards beside it, byte by byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from midmix.config import StageSection
from midmix.config.stages import Boundary, Rate, Rope
from midmix.mixer.export import mosaicml
from midmix.mixer.export.exporter import Export, make_folder
from midmix.mixer.export.mosaicml import MOSAICML
from midmix.mixer.plan.manifest import Plan

Files = Callable[[Plan], dict[str, Path]]


def test_streams_choose_samples_and_the_duration_is_the_stage(plan: Plan) -> None:
    config = yaml.safe_load(make_folder(MOSAICML, plan, "/data").texts["train.yaml"])
    dataset = config["train_loader"]["dataset"]
    assert {name: stream["choose"] for name, stream in dataset["streams"].items()} == {
        "math-00000": 3,
        "web-00000": 6,
        "web-00001": 3,
    }
    assert dataset["streams"]["web-00001"]["local"] == "/data/streams/web-00001"
    assert (dataset["max_seq_len"], dataset["shuffle_seed"], dataset["eos_token_id"]) == (8, 7, 0)
    assert (config["max_duration"], config["global_train_batch_size"]) == ("96tok", 2)
    assert config["scheduler"] == {"name": "linear_decay_with_warmup", "t_warmup": "0tok", "alpha_f": 0.0}


def write_stream(plan: Plan, files: dict[str, Path], folder: Path) -> list[str]:
    """The stream of web's second shard: 3 of its 5 sequences of 8 tokens."""
    writers = make_folder(MOSAICML, plan, "").writers
    names = [writer(folder, files, [].append) for _, writer in writers]
    assert [found[0].split("/")[1] for found in names] == ["math-00000", "web-00000", "web-00001"]
    return names[2]


def test_a_shard_is_offsets_config_and_the_tokens_of_the_head(plan: Plan, token_files: Files, tmp_path: Path) -> None:
    assert write_stream(plan, token_files(plan), tmp_path) == [
        "streams/web-00001/shard.00000.mds",
        "streams/web-00001/index.json",
    ]
    content = (tmp_path / "streams/web-00001/shard.00000.mds").read_bytes()
    count, *offsets = np.frombuffer(content[:20], "<u4").tolist()
    assert count == 3
    assert np.diff(offsets).tolist() == [16, 16, 16] and offsets[-1] == len(content)
    assert json.loads(content[20 : offsets[0]])["column_encodings"] == ["ndarray:uint16:8"]
    assert np.frombuffer(content[offsets[0] :], "<u2").tolist() == list(range(300, 324))
    index = json.loads((tmp_path / "streams/web-00001/index.json").read_text())
    assert [(s["samples"], s["raw_data"]["bytes"]) for s in index["shards"]] == [(3, len(content))]


def test_a_repeated_shard_is_written_once(plan: Plan, token_files: Files, tmp_path: Path) -> None:
    write_stream(plan, token_files(plan), tmp_path)
    index = json.loads((tmp_path / "streams/math-00000/index.json").read_text())
    assert sum(shard["samples"] for shard in index["shards"]) == 2


def test_long_streams_are_cut(plan: Plan, token_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mosaicml, "SHARD_BYTES", 40)  # two samples of 16 bytes and their offsets
    names = write_stream(plan, token_files(plan), tmp_path)
    assert [name.rpartition("/")[2] for name in names] == ["shard.00000.mds", "shard.00001.mds", "index.json"]
    last = (tmp_path / names[1]).read_bytes()
    assert np.frombuffer(last[-16:], "<u2").tolist() == list(range(316, 324))


def test_what_llm_foundry_has_no_field_for_is_said(make_plan: Callable[..., Plan]) -> None:
    rope = Rope(base=5e5, scaling="yarn", factor=4, original_length=16)
    stage = StageSection(name="long", kind="long-context", rope=rope, document_mask=True)
    stage = stage.model_copy(
        update={"learning_rate": Rate(schedule="1-sqrt", start=1e-4), "boundary": Boundary(learning_rate="restart")}
    )
    export = make_folder(MOSAICML, make_plan({"web": [81]}, {"web": 1}, tokens=32, stages=[stage]), "/data")
    assert "scheduler" not in yaml.safe_load(export.texts["train.yaml"])
    for words in (
        "no such schedule",
        "attn_uses_sequence_id",
        "rope_theta: 500000",
        "RoPE scaling yarn, factor 4 of 16",
    ):
        assert any(words in note for note in export.notes)
        assert words in export.texts["train.yaml"]


def stage(name: str, **values: object) -> StageSection:
    rate = {"schedule": "constant", "start": 1e-4}
    return StageSection.model_validate({"name": name, "learning_rate": rate, **values})


def curriculum(export: Export, last: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(export.texts[f"{last}/curriculum.yaml"])
    return found


@pytest.mark.parametrize(("root", "place"), [("", "../"), ("/data", "/data/")])
def test_stages_of_one_batch_are_one_run_whose_datasets_are_those_of_the_stages(
    make_plan: Callable[..., Plan], root: str, place: str
) -> None:
    stages = [
        stage("first", tokens=160),
        stage("second", tokens=96),
        stage("long", tokens=64, sequence_length=16, global_batch_sequences=2),
    ]
    stages[2] = stages[2].model_copy(update={"boundary": Boundary(batch="changed")})
    plan = make_plan(
        {"math": [81], "web": [810]}, {"math": 250_000, "web": 750_000}, tokens=320, stages=stages, document_tokens=9
    )
    export = make_folder(MOSAICML, plan, root)
    config = curriculum(export, "long")
    callback = config["callbacks"]["curriculum_learning"]
    durations = [callback["duration"], *(mix["duration"] for mix in callback["schedule"])]
    assert durations == ["160tok", "96tok", "64tok"] and config["max_duration"] == "320tok"
    assert (config["max_seq_len"], config["global_train_batch_size"], config["optimizer"]) == (16, 2, {"lr": 1e-4})
    datasets = [config["train_loader"]["dataset"], *(mix["dataset"] for mix in callback["schedule"])]
    for name, dataset in zip(["first", "second", "long"], datasets, strict=True):
        own = yaml.safe_load(export.texts[f"{name}/train.yaml"])["train_loader"]["dataset"]
        for found, stream in zip(dataset["streams"].values(), own["streams"].values(), strict=True):
            assert found["local"] == f"{place}{name}/streams/{stream['local'].rpartition('/')[2]}"
            assert {**found, "local": ""} == {**stream, "local": ""}
        assert {**dataset, "streams": 0} == {**own, "streams": 0}
    assert len({dataset["shuffle_seed"] for dataset in datasets}) == 3
    assert not any("first/curriculum" in path or "second/curriculum" in path for path in export.texts)
    assert (
        "# By hand: scheduler: llm-foundry has one for the whole run; stage second: constant from 0.0001 to 0.0001"
        in (export.texts["long/curriculum.yaml"].splitlines())
    )


def test_stages_before_a_change_of_batch_model_or_mask_are_runs_of_their_own(make_plan: Callable[..., Plan]) -> None:
    def made(*changes: dict[str, object]) -> Export:
        stages = [stage(f"s{number}", tokens=64, **values) for number, values in enumerate(changes)]
        plan = make_plan({"web": [810]}, {"web": 1_000_000}, tokens=64, stages=stages, document_tokens=9)
        return make_folder(MOSAICML, plan, "/data")

    rope: dict[str, object] = {"rope": {"base": 5e5, "scaling": "none"}}
    batch: dict[str, object] = {"global_batch_sequences": 4, "boundary": {"batch": "changed"}}
    for change in (batch, {"document_mask": True}, rope):
        export = made({}, change, change)
        assert curriculum(export, "s2")["max_duration"] == "128tok"
        assert (
            "stage s2: stages s0 are runs of their own: batch, RoPE, document mask or optimizer change after them"
            in export.notes
        )
        assert "s1/curriculum.yaml" not in made({}, change).texts
    fresh = {
        "boundary": {"optimizer": "fresh"},
        "learning_rate": {"schedule": "constant", "start": 1e-4, "warmup_tokens": 16},
    }
    assert (
        curriculum(made({}, {}, fresh | {"boundary": fresh["boundary"] | {"learning_rate": "restart"}}, {}), "s3")[
            "max_duration"
        ]
        == "128tok"
    )


def test_one_stage_has_no_curriculum(plan: Plan) -> None:
    assert "curriculum.yaml" not in make_folder(MOSAICML, plan, "/data").texts
