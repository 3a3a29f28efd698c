"""One trainer's folder on disk: written whole or not at all, with `EXPORT.json` about every file in it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from midmix.disk import sha256_of
from midmix.errors import InputError
from midmix.mixer.export.exporter import Export, Tell, stage_facts
from midmix.mixer.plan.files import link_or_copy
from midmix.mixer.plan.joined import joints_of
from midmix.mixer.plan.manifest import Plan

RECORD = "EXPORT.json"


@dataclass(frozen=True)
class Written:
    """One file of an export as EXPORTS lists it."""

    file: str
    bytes: int
    sha256: str


def write_folder(
    export: Export, plan: Plan, destination: Path, token_files: Mapping[str, Path], scratch: Path, tell: Tell
) -> list[Written]:
    """Write the folder beside its place and then put it there, so that no half of it is ever seen.

    Returns its files, sorted by path. Token files are hard-linked, or copied where the file systems differ. What stood
    at `destination` is replaced: see `check_replaceable`. `tell` hears of sequences as they are written.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        written = _fill(export, plan, scratch, token_files, tell)
        destination.parent.mkdir(parents=True, exist_ok=True)
        if destination.exists():
            shutil.rmtree(destination)
        scratch.rename(destination)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return written


def _fill(export: Export, plan: Plan, folder: Path, token_files: Mapping[str, Path], tell: Tell) -> list[Written]:
    files = [_write(folder, path, text) for path, text in export.texts.items()]
    for path, file in export.links.items():
        link_or_copy(token_files[file.name], _place(folder, path))
        files.append(Written(path, file.bytes, file.sha256))
    for part, writer in export.writers:
        target = folder / part
        target.mkdir(parents=True, exist_ok=True)
        for name in writer(target, token_files, tell):
            files.append(Written(part + name, (target / name).stat().st_size, sha256_of(target / name)))
    files.sort(key=lambda written: written.file)
    files.append(_write(folder, RECORD, record_of(export, plan, files)))
    return sorted(files, key=lambda written: written.file)


def record_of(export: Export, plan: Plan, files: list[Written]) -> str:
    """`EXPORT.json`: the target, the plan's hash, what is lost, and every other file with its hash."""
    return json_text(
        {
            "target": export.exporter.target,
            "target_version": export.exporter.target_version,
            "plan_hash": f"sha256:{plan.hash}",
            "tokenizer": plan.tokenizer.model_dump(mode="json"),
            "unit_conversion": export.exporter.unit_conversion,
            "what_is_lost": list(export.exporter.lost),
            "notes": list(export.notes),
            "joined_shards": [joint.words() for joint in joints_of(plan)],
            "stages": stage_facts(plan),
            "files": {written.file: {"bytes": written.bytes, "sha256": written.sha256} for written in files},
        }
    )


def json_text(value: object) -> str:
    """`value` as readable JSON, keys in the order given, one newline at the end."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def check_replaceable(destination: Path) -> None:
    """Raise InputError when `destination` holds something else than an export."""
    if destination.is_dir() and ((destination / RECORD).is_file() or not any(destination.iterdir())):
        return
    if destination.exists():
        raise InputError(f"{destination}: holds files that no export wrote (no {RECORD}). Name an empty or new folder.")


def _write(folder: Path, path: str, text: str) -> Written:
    content = text.encode()
    _place(folder, path).write_bytes(content)
    return Written(path, len(content), hashlib.sha256(content).hexdigest())


def _place(folder: Path, path: str) -> Path:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
