"""One trainer's folder: what it will hold, `EXPORT.json` about it, and the writing, all or nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from midmix.errors import InputError
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


def only_stage(plan: Plan, trainer: str) -> Stage:
    """The plan's stage. Raises InputError when there are several, which this exporter cannot write."""
    if len(plan.stages) != 1:
        raise InputError(f"{trainer}: got a plan of {len(plan.stages)} stages, this exporter writes plans of one stage")
    return plan.stages[0]


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


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` the same bytes as `source`: a hard link, or a copy where that is not possible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


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
