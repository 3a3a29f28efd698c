"""The trainers that a plan can be exported to, and the export of a run's plan to a folder."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from midmix.errors import ConfigError, InputError
from midmix.mixer.export.exporter import Export, Exporter, Tell, make_folder, stage_folder
from midmix.mixer.export.folder import Written, check_replaceable, write_folder
from midmix.mixer.export.hf import HF
from midmix.mixer.export.joined_files import joined_files
from midmix.mixer.export.levanter import LEVANTER
from midmix.mixer.export.litdata import LITDATA
from midmix.mixer.export.materialise import MATERIALISED, PARQUET
from midmix.mixer.export.maxtext import MAXTEXT
from midmix.mixer.export.megatron import MEGATRON
from midmix.mixer.export.mosaicml import MOSAICML
from midmix.mixer.export.nanotron import NANOTRON
from midmix.mixer.export.olmo_core import OLMO_CORE
from midmix.mixer.export.readback import check
from midmix.mixer.export.torchtitan import TORCHTITAN
from midmix.mixer.plan.joined import find_joints, join
from midmix.mixer.plan.manifest import Plan, parse_plan
from midmix.mixer.plan.step import PLAN_FILE
from midmix.progress import counted
from midmix.table_manifest import Attachment, load_manifest
from midmix.tables import PLAN, TOKENS

# Follows a trainer, by its name, through the sequences that it is to write.
Show = Callable[[str, int], AbstractContextManager[Tell]]
TRAINERS: dict[str, Exporter] = {
    "megatron": MEGATRON,
    "olmo-core": OLMO_CORE,
    "hf": HF,
    "mosaicml": MOSAICML,
    "litdata": LITDATA,
    "nanotron": NANOTRON,
    "levanter": LEVANTER,
    "maxtext": MAXTEXT,
    "torchtitan": TORCHTITAN,
    "materialised": MATERIALISED,
    "parquet": PARQUET,
}


def export_plan(
    run_folder: Path, trainers: Sequence[str], destination: Path, *, absolute: bool, show: Show = counted
) -> dict[Path, list[Written]]:
    """Write the run's plan for each trainer to `destination/<trainer>`; returns those folders with their files.

    Token files are hard-linked, or copied to another file system. Paths in the files are absolute or, so that the
    same plan gives the same bytes anywhere, relative to the trainer's folder. Nothing is written unless everything
    can be. `show` follows the sequences that a trainer's files are made of. Raises ConfigError for an unknown trainer,
    InputError when plan and token files do not fit.
    """
    plan = read_plan(run_folder)
    folders = {name: destination / name for name in dict.fromkeys(trainers)}
    for name, folder in folders.items():
        check_known(name)
        check_needs(name)
        check_replaceable(folder)
    attached = (*load_manifest(run_folder, TOKENS.name).attached, *load_manifest(run_folder, PLAN.name).attached)
    token_files = locate_token_files(plan, attached, run_folder)

    def exports_of(plan: Plan) -> dict[str, Export]:
        return {
            name: make_export(name, plan, str(folder.resolve()) if absolute else "") for name, folder in folders.items()
        }

    joints = find_joints(plan)
    exports = exports_of(join(plan, joints))  # what cannot be exported is refused here, before a file is written
    with joined_files(plan, joints, token_files, destination / f".joined-{os.getpid()}") as (joined, files):
        if joints:
            exports = exports_of(joined)  # with the hashes of their files
        written = {}
        for name, folder in folders.items():
            scratch = folder.with_name(f".{folder.name}-{os.getpid()}")
            with show(name, exports[name].sequences) as tell:
                written[folder] = write_folder(exports[name], joined, folder, files, scratch, tell)
        return written


def check_known(name: str) -> None:
    """Raise ConfigError for a trainer that is not one of TRAINERS."""
    if name not in TRAINERS:
        raise ConfigError(f"got trainer {name!r}, expected some of {', '.join(TRAINERS)}")


def check_needs(name: str) -> None:
    """Raise ConfigError where the library that writes a trainer's files is not installed."""
    needs = TRAINERS[name].needs
    if needs and importlib.util.find_spec(needs[0]) is None:
        raise ConfigError(
            f"{name}: its files are written by {needs[1]}, which is not installed: pip install {needs[1]}"
        )


def make_export(name: str, plan: Plan, root: str) -> Export:
    """A trainer's folder, its files read back and found to be the plan. Raises ConfigError, InputError."""
    check_known(name)
    export = make_folder(TRAINERS[name], plan, root)
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
            for file in (shard.bin, shard.idx, *([shard.packed.runs] if shard.packed else [])):
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
