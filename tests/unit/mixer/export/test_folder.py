"""Writing a trainer's folder: the record of it, hard links or copies, all or nothing; and the choice of trainers."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from midmix.artifact import Manifest, attach_file, publish
from midmix.config import StageSection
from midmix.config.stages import Boundary, Rate
from midmix.errors import ConfigError, InputError
from midmix.mixer.export.folder import Export, check_replaceable, record_of, write_folder, written_files
from midmix.mixer.export.trainers import TRAINERS, describe, export_plan, make_export, read_plan
from midmix.mixer.plan.manifest import Plan
from midmix.tables import PLAN

PlanMaker = Callable[..., Plan]
RESTART = Boundary(learning_rate="restart")


def small_export(plan: Plan) -> Export:
    shard = plan.domains[0].shards[0]
    return Export(
        "megatron-core", "1", "as is", {"a.txt": "text"}, {"tokens/m.bin": shard.bin}, ("all else",), ("note",)
    )


def test_record_lists_files_with_hashes_and_losses(plan: Plan) -> None:
    record = json.loads(record_of(small_export(plan), plan))
    assert record["plan_hash"] == f"sha256:{plan.hash}"
    assert record["what_is_lost"] == ["all else"]
    assert record["notes"] == ["note"]
    assert record["files"]["a.txt"] == {"bytes": 4, "sha256": hashlib.sha256(b"text").hexdigest()}
    assert record["files"]["tokens/m.bin"]["sha256"] == plan.domains[0].shards[0].bin.sha256
    assert [w.file for w in written_files(small_export(plan), plan)] == ["EXPORT.json", "a.txt", "tokens/m.bin"]


def test_token_files_are_linked_and_an_older_export_is_replaced(plan: Plan, tmp_path: Path) -> None:
    export = small_export(plan)
    source = tmp_path / "source.bin"
    source.write_bytes(b"tokens")
    target = tmp_path / "out" / "megatron"
    for _ in range(2):
        write_folder(export, plan, target, {"main/math/train-00000.bin": source}, tmp_path / "out" / ".scratch")
        assert os.path.samefile(source, target / "tokens" / "m.bin")
        assert (target / "a.txt").read_text() == "text"
        (target / "stale.txt").write_text("old")
    write_folder(export, plan, target, {"main/math/train-00000.bin": source}, tmp_path / "out" / ".scratch")
    assert sorted(p.name for p in target.iterdir()) == ["EXPORT.json", "a.txt", "tokens"]
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["megatron"]


def test_token_files_are_copied_where_links_fail(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    source = tmp_path / "source.bin"
    source.write_bytes(b"tokens")
    write_folder(
        small_export(plan), plan, tmp_path / "out", {"main/math/train-00000.bin": source}, tmp_path / "scratch"
    )
    copy = tmp_path / "out" / "tokens" / "m.bin"
    assert copy.read_bytes() == b"tokens"
    assert not os.path.samefile(source, copy)


def test_folder_of_someone_else_is_left_alone(tmp_path: Path) -> None:
    check_replaceable(tmp_path / "new")
    check_replaceable(tmp_path)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="holds files that no export wrote"):
        check_replaceable(tmp_path)
    with pytest.raises(InputError, match="holds files that no export wrote"):
        check_replaceable(tmp_path / "thesis.txt")


def write_run(folder: Path, plan: Plan) -> None:
    """A run that holds the plan and token files, though none with the plan's hashes."""
    publish(
        folder, Manifest("plan", (), (attach_file(folder, PLAN, "plan.json", lambda p: _write(p, plan.to_json())),))
    )


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def test_unknown_trainer_is_refused_and_the_known_named(plan: Plan, tmp_path: Path) -> None:
    write_run(tmp_path / "run", plan)
    with pytest.raises(ConfigError, match="got trainer 'megatorn', expected some of megatron, olmo-core, hf"):
        export_plan(tmp_path / "run", ["hf", "megatorn"], tmp_path / "out", absolute=True)
    assert not (tmp_path / "out").exists()


def test_run_without_a_plan_or_its_tokens_is_refused(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no plan"):
        read_plan(tmp_path / "run")
    write_run(tmp_path / "run", plan)
    assert read_plan(tmp_path / "run") == plan
    with pytest.raises(InputError, match="another file than the plan counts"):
        export_plan(tmp_path / "run", ["hf"], tmp_path / "out", absolute=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("trainer", TRAINERS)
def test_every_stage_has_a_folder_with_its_own_shards(make_plan: PlanMaker, trainer: str) -> None:
    stages = [StageSection(name="anneal"), StageSection(name="long", boundary=RESTART, learning_rate=Rate(start=1e-4))]
    plan = make_plan({"web": [81, 81]}, {"web": 1}, tokens=32, stages=stages, document_tokens=9)
    export = make_export(trainer, plan, "/out")
    assert {path.split("/")[0] for path in export.texts} == {"anneal", "long"}
    assert [s["folder"] for s in export.facts["stages"]] == ["anneal/", "long/"]
    drawn = [
        {file.name for path, file in export.links.items() if path.startswith(stage) and "heldout" not in path}
        for stage in ("anneal/", "long/")
    ]
    assert drawn[0] and drawn[1] and not drawn[0] & drawn[1]


@pytest.mark.parametrize("trainer", TRAINERS)
def test_files_that_are_not_the_plan_are_refused(plan: Plan, trainer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(TRAINERS[trainer].read_back(make_export(trainer, plan, "").texts), sequences=13)
    monkeypatch.setitem(TRAINERS, trainer, replace(TRAINERS[trainer], read_back=lambda files: other))
    with pytest.raises(InputError, match=f"{trainer}, stage anneal: its files say sequences 13, the plan 12"):
        describe(plan, [trainer])


@pytest.mark.parametrize("trainer", TRAINERS)
def test_folders_say_what_they_are_and_hold_no_absolute_path(plan: Plan, trainer: str) -> None:
    export = make_export(trainer, plan, "")
    assert [s["sequences"] for s in export.facts["stages"]] == [{"math": 3, "web": 9}]
    assert export.lost and "README.md" in export.texts
    assert all(plan.hash[:12] in export.texts[name] for name in ("README.md",))
    assert not any(path.startswith("/") for path in (*export.texts, *export.links))
