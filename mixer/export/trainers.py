"""The trainers that a plan can be exported to, and the export of a run's plan to a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from midmix.artifact import Attachment, load_manifest
from midmix.errors import ConfigError, InputError
from midmix.mixer.export import hf, megatron, olmo_core
from midmix.mixer.export.folder import (
    Export,
    Written,
    check_replaceable,
    stage_folder,
    write_folder,
    written_files,
)
from midmix.mixer.export.readback import StageRead, check
from midmix.mixer.plan.manifest import Plan, parse_plan
from midmix.mixer.plan.step import PLAN_FILE
from midmix.tables import PLAN, TOKENS


@dataclass(frozen=True)
class Trainer:
    """How a plan is put into a trainer's files, and how one stage of it is read back from them."""

    export: Callable[[Plan, str], Export]
    read_back: Callable[[Mapping[str, str]], StageRead]


TRAINERS: dict[str, Trainer] = {
    "megatron": Trainer(megatron.export, megatron.read_back),
    "olmo-core": Trainer(olmo_core.export, olmo_core.read_back),
    "hf": Trainer(hf.export, hf.read_back),
}


def export_plan(run_folder: Path, trainers: Sequence[str], destination: Path, *, absolute: bool) -> list[Path]:
    """Write the run's plan for each trainer to `destination/<trainer>`; returns those folders.

    Token files are hard-linked, or copied to another file system. Paths in the files are absolute or, so that the
    same plan gives the same bytes anywhere, relative to the trainer's folder. Nothing is written unless everything
    can be. Raises ConfigError for an unknown trainer, InputError when plan and token files do not fit.
    """
    plan = read_plan(run_folder)
    trainers = list(dict.fromkeys(trainers))
    folders = [destination / name for name in trainers]
    exports = [
        make_export(name, plan, str(folder.resolve()) if absolute else "")
        for name, folder in zip(trainers, folders, strict=True)
    ]
    attached = (*load_manifest(run_folder, TOKENS.name).attached, *load_manifest(run_folder, PLAN.name).attached)
    token_files = locate_token_files(plan, attached, run_folder)
    for folder in folders:
        check_replaceable(folder)
    for export, folder in zip(exports, folders, strict=True):
        write_folder(export, plan, folder, token_files, folder.with_name(f".{folder.name}-{os.getpid()}"))
    return folders


def describe(plan: Plan, trainers: Sequence[str]) -> dict[str, list[Written]]:
    """Files of each trainer's folder with relative paths, before anything is written."""
    return {name: written_files(make_export(name, plan, ""), plan) for name in trainers}


def make_export(name: str, plan: Plan, root: str) -> Export:
    """A trainer's folder, its files read back and found to be the plan. Raises ConfigError, InputError."""
    if name not in TRAINERS:
        raise ConfigError(f"got trainer {name!r}, expected some of {', '.join(TRAINERS)}")
    export = TRAINERS[name].export(plan, root)
    for stage in plan.stages:
        folder = stage_folder(plan, stage)
        files = {path.removeprefix(folder): text for path, text in export.texts.items() if path.startswith(folder)}
        check(stage, TRAINERS[name].read_back(files), name)
    return export


def read_plan(run_folder: Path) -> Plan:
    """The plan of a run. Raises InputError when it has none."""
    attachments = load_manifest(run_folder, PLAN.name).attachments
    if PLAN_FILE not in attachments:
        raise InputError(f"{run_folder}: no plan. Run `midmix run CONFIG --out {run_folder} --until plan` first.")
    path = run_folder / attachments[PLAN_FILE]
    return parse_plan(path.read_bytes(), str(path))


def locate_token_files(plan: Plan, attachments: Iterable[Attachment], run_folder: Path) -> dict[str, Path]:
    """Path of every token file of the plan. Raises InputError when the run has others now, or one is gone."""
    attached = {a.name: a for a in attachments}
    found: dict[str, Path] = {}
    for domain in plan.domains:
        for shard in (*domain.shards, *domain.heldout):
            for file in (shard.bin, shard.idx):
                if file.name not in attached or attached[file.name].sha256 != file.sha256:
                    raise InputError(
                        f"{file.name}: the run holds another file than the plan counts. Run the step plan again."
                    )
                found[file.name] = run_folder / attached[file.name].path
                if not found[file.name].is_file() or found[file.name].stat().st_size != file.bytes:
                    raise InputError(
                        f"{found[file.name]}: gone, or not {file.bytes} bytes. Run the step tokenize again."
                    )
    return found
