"""Writing a trainer's folder: the record of it, hard links or copies, all or nothing; and the choice of trainers."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from midmix.config import StageSection
from midmix.config.stages import Boundary, Rate
from midmix.errors import ConfigError, InputError
from midmix.mixer.export import step
from midmix.mixer.export.exporter import Export, Tell, make_folder, stage_facts
from midmix.mixer.export.folder import Written, check_replaceable, record_of, write_folder
from midmix.mixer.export.megatron import MEGATRON
from midmix.mixer.export.trainers import TRAINERS, export_plan, make_export, read_plan
from midmix.mixer.plan.manifest import Plan
from midmix.table_files import attach_file
from midmix.table_manifest import Manifest, publish
from midmix.tables import PLAN
from midmix.within import read_within

PlanMaker = Callable[..., Plan]
RESTART = Boundary(learning_rate="restart")


def unheard(sequences: int) -> None:
    pass


def small_export(plan: Plan) -> Export:
    shard = plan.domains[0].shards[0]

    def write(folder: Path, token_files: Mapping[str, Path], tell: Tell) -> list[str]:
        (folder / "made.bin").write_bytes(token_files[shard.bin.name].read_bytes() * 2)
        return ["made.bin"]

    exporter = replace(MEGATRON, target_version="1", unit_conversion="as is", lost=("all else",))
    return Export(exporter, {"a.txt": "text"}, {"tokens/m.bin": shard.bin}, (("s/", write),), ("note",))


@pytest.mark.parametrize("trainer", TRAINERS)
def test_every_sequence_that_a_trainers_files_are_made_of_is_told(
    trainer: str, plan: Plan, token_files: Callable[[Plan], dict[str, Path]], tmp_path: Path
) -> None:
    for module, package in filter(None, [TRAINERS[trainer].needs]):
        pytest.importorskip(module, reason=f"pip install {package}")
    export, told = make_folder(TRAINERS[trainer], plan, ""), list[int]()
    for path in export.links:
        (tmp_path / "out" / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "out").mkdir(exist_ok=True)
    for _, writer in export.writers:
        writer(tmp_path / "out", token_files(plan), told.append)
    written = {"megatron": 0, "olmo-core": 0, "hf": 0, "torchtitan": 0, "nanotron": 0}
    written |= {"mosaicml": 2 + 6 + 3, "litdata": 2 + 6 + 3}  # math's third sequence is a repeat
    assert export.sequences == sum(told) == written.get(trainer, 12)


def test_the_run_shows_how_many_sequences_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midmix.within.SECONDS", 0.0)
    with step._show(tmp_path, "materialised", 5_000) as tell:
        tell(1_000)
        tell(200)
        assert read_within(tmp_path) == "materialised at 1,200 of 5,000 sequences"
    assert read_within(tmp_path) == ""


def test_record_lists_files_with_hashes_and_losses(plan: Plan) -> None:
    record = json.loads(record_of(small_export(plan), plan, [Written("a.txt", 4, "0" * 64)]))
    assert record["plan_hash"] == f"sha256:{plan.hash}"
    assert record["what_is_lost"] == ["all else"]
    assert record["notes"] == ["note"]
    assert record["files"] == {"a.txt": {"bytes": 4, "sha256": "0" * 64}}
    assert record["tokenizer"]["vocabulary_size"] == 1000
    assert record["stages"] == [
        {"stage": "anneal", "folder": ".", "sequence_length": 8, "sequences": {"math": 3, "web": 9}}
    ]


def test_every_file_is_returned_with_its_size_and_hash(plan: Plan, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(b"tokens")
    files = {"main/math/train-00000.bin": source}
    written = write_folder(small_export(plan), plan, tmp_path / "out", files, tmp_path / "scratch", unheard)
    assert [w.file for w in written] == ["EXPORT.json", "a.txt", "s/made.bin", "tokens/m.bin"]
    by_name = {w.file: w for w in written}
    for name in ("EXPORT.json", "a.txt", "s/made.bin"):
        content = (tmp_path / "out" / name).read_bytes()
        assert by_name[name] == Written(name, len(content), hashlib.sha256(content).hexdigest())
    assert by_name["tokens/m.bin"].sha256 == plan.domains[0].shards[0].bin.sha256
    record = json.loads((tmp_path / "out" / "EXPORT.json").read_text())
    assert record["files"]["s/made.bin"] == {"bytes": 12, "sha256": by_name["s/made.bin"].sha256}


def test_a_writer_that_fails_leaves_nothing_and_the_old_export(plan: Plan, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(b"tokens")
    files = {"main/math/train-00000.bin": source}
    target, scratch = tmp_path / "out" / "x", tmp_path / "out" / ".scratch"
    write_folder(small_export(plan), plan, target, files, scratch, unheard)

    def fail(folder: Path, token_files: Mapping[str, Path], tell: Tell) -> list[str]:
        (folder / "half.bin").write_bytes(b"half")
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_folder(replace(small_export(plan), writers=(("", fail),)), plan, target, files, scratch, unheard)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["x"]
    assert (target / "s" / "made.bin").is_file()


def test_token_files_are_linked_and_an_older_export_is_replaced(plan: Plan, tmp_path: Path) -> None:
    export = small_export(plan)
    source = tmp_path / "source.bin"
    source.write_bytes(b"tokens")
    target = tmp_path / "out" / "megatron"
    for _ in range(2):
        write_folder(
            export, plan, target, {"main/math/train-00000.bin": source}, tmp_path / "out" / ".scratch", unheard
        )
        assert os.path.samefile(source, target / "tokens" / "m.bin")
        assert (target / "a.txt").read_text() == "text"
        (target / "stale.txt").write_text("old")
    write_folder(export, plan, target, {"main/math/train-00000.bin": source}, tmp_path / "out" / ".scratch", unheard)
    assert sorted(p.name for p in target.iterdir()) == ["EXPORT.json", "a.txt", "s", "tokens"]
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["megatron"]


def test_token_files_are_copied_where_links_fail(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    source = tmp_path / "source.bin"
    source.write_bytes(b"tokens")
    write_folder(
        small_export(plan), plan, tmp_path / "out", {"main/math/train-00000.bin": source}, tmp_path / "scratch", unheard
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
    assert {path.split("/")[0] for path in export.texts} == {"anneal", "long", "verify.py"}
    assert all(f"{stage}/load.py" in export.texts for stage in ("anneal", "long"))
    assert [s["folder"] for s in stage_facts(plan)] == ["anneal/", "long/"]
    drawn = [
        {file.name for path, file in export.links.items() if path.startswith(stage) and "heldout" not in path}
        for stage in ("anneal/", "long/")
    ]
    assert not drawn[0] & drawn[1]
    assert all(drawn) or {folder for folder, _ in export.writers} == {"anneal/", "long/"}


@pytest.mark.parametrize("trainer", TRAINERS)
def test_files_that_are_not_the_plan_are_refused(plan: Plan, trainer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(TRAINERS[trainer].read_back(make_export(trainer, plan, "").texts), sequences=13)
    monkeypatch.setitem(TRAINERS, trainer, replace(TRAINERS[trainer], read_back=lambda files: other))
    with pytest.raises(InputError, match=f"{trainer}, stage anneal: its files say sequences 13, the plan 12"):
        make_export(trainer, plan, "")


@pytest.mark.parametrize("trainer", TRAINERS)
def test_folders_say_what_they_are_and_hold_no_absolute_path(plan: Plan, trainer: str) -> None:
    export = make_export(trainer, plan, "")
    assert export.exporter.lost and "README.md" in export.texts and "verify.py" in export.texts
    assert plan.hash in export.texts["README.md"]
    assert not any(path.startswith("/") for path in (*export.texts, *export.links))
