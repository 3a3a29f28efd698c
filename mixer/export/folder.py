"""One trainer's folder: what it will hold, `EXPORT.json` about it, and the writing, all or nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from midmix.errors import InputError
from midmix.mixer.plan.files import link_or_copy
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Stage, TokenFile

RECORD = "EXPORT.json"


@dataclass(frozen=True)
class Export:
    """A trainer's folder before it is written. Paths are relative to it, with `/`.

    `texts` are files by content, `links` token files of the run by the path that they get here. `lost` says what the
    trainer cannot express, `notes` what to watch for in this plan.
    """

    target: str
    target_version: str
    unit_conversion: str
    texts: dict[str, str]
    links: dict[str, TokenFile]
    lost: tuple[str, ...]
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """One file of an export as EXPORTS lists it."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Part:
    """What one stage brings: files by content, token files by path, and notes; paths are relative to its folder."""

    texts: dict[str, str]
    links: dict[str, TokenFile]
    notes: tuple[str, ...] = ()


def stage_folder(plan: Plan, stage: Stage) -> str:
    """Where a stage's files lie in the trainer's folder: in it where the plan has one stage, else in one of its name."""
    return "" if len(plan.stages) == 1 else f"{stage.id}/"


def stage_parts(plan: Plan, root: str, make: Callable[[Plan, Stage, str], Part]) -> Part:
    """The parts of all stages as one. `make` gets the plan, a stage and the root that its paths stand under."""
    texts: dict[str, str] = {}
    links: dict[str, TokenFile] = {}
    notes: list[str] = []
    for stage in plan.stages:
        folder = stage_folder(plan, stage)
        part = make(plan, stage, f"{root}/{folder}".rstrip("/") if root else "")
        texts |= {folder + path: text for path, text in part.texts.items()}
        links |= {folder + path: file for path, file in part.links.items()}
        notes += [f"stage {stage.id}: {note}" if folder else note for note in part.notes]
    return Part(texts, links, tuple(notes))


def stage_facts(plan: Plan) -> dict[str, Any]:
    """What `EXPORT.json` says of every stage, in the order in which they are trained."""
    return {
        "stages": [
            {
                "stage": stage.id,
                "folder": stage_folder(plan, stage) or ".",
                "sequences": {share.domain: share.sequences for share in stage.mixture},
            }
            for stage in plan.stages
        ]
    }


def record_of(export: Export, plan: Plan) -> str:
    """`EXPORT.json`: the target, the plan's hash, every other file with its hash, and what is lost."""
    files = {w.file: {"bytes": w.bytes, "sha256": w.sha256} for w in _listed(export)}
    value = {
        "target": export.target,
        "target_version": export.target_version,
        "plan_hash": f"sha256:{plan.hash}",
        "unit_conversion": export.unit_conversion,
        "what_is_lost": list(export.lost),
        "notes": list(export.notes),
        "files": files,
        **export.facts,
    }
    return json_text(value)


def written_files(export: Export, plan: Plan) -> list[Written]:
    """Every file of the folder, `EXPORT.json` included, sorted by path."""
    record = record_of(export, plan).encode()
    own = Written(RECORD, len(record), hashlib.sha256(record).hexdigest())
    return sorted([*_listed(export), own], key=lambda w: w.file)


def write_folder(export: Export, plan: Plan, destination: Path, token_files: Mapping[str, Path], scratch: Path) -> None:
    """Write the folder beside its place and then put it there, so that no half of it is ever seen.

    Token files are hard-linked, or copied where the file systems differ. What stood at `destination` is replaced:
    see `check_replaceable`.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    for path, content in {**export.texts, RECORD: record_of(export, plan)}.items():
        target = scratch / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode())
    for path, file in export.links.items():
        target = scratch / path
        target.parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(token_files[file.name], target)
    destination.parent.mkdir(parents=True, exist_ok=True)
    if destination.exists():
        shutil.rmtree(destination)
    scratch.rename(destination)


def json_text(value: object) -> str:
    """`value` as readable JSON, keys in the order given, one newline at the end."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def check_replaceable(destination: Path) -> None:
    """Raise InputError when `destination` holds something else than an export."""
    if destination.is_dir() and ((destination / RECORD).is_file() or not any(destination.iterdir())):
        return
    if destination.exists():
        raise InputError(f"{destination}: holds files that no export wrote (no {RECORD}). Name an empty or new folder.")


def _listed(export: Export) -> list[Written]:
    texts = [
        Written(path, len(content.encode()), hashlib.sha256(content.encode()).hexdigest())
        for path, content in export.texts.items()
    ]
    links = [Written(path, file.bytes, file.sha256) for path, file in export.links.items()]
    return sorted(texts + links, key=lambda w: w.file)
