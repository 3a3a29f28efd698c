"""Frozen artefacts: trained things that change only when asked, with what they were trained on and how good they are."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from midmix.disk import has_size
from midmix.errors import DriftError, InputError
from midmix.layer import locate, path_in_run
from midmix.record import Record as UnitRecord
from midmix.step import Context
from midmix.table_files import attach_file, read_table, write_table
from midmix.table_manifest import Attachment, Manifest, load_manifest, publish
from midmix.tables import ARTEFACTS
from midmix.task import ArtefactRecord


def frozen_artefact(
    context: Context, name: str, settings: Any, trained_on: Sequence[str], make: Callable[[Path], ArtefactRecord]
) -> Path:
    """The file of artefact `name`, trained by `make(path)` when there is none, and frozen.

    Raises DriftError where it was trained with other settings, InputError where its file is damaged; a rerun trains again.
    """
    rows = {row["name"]: row for row in read_table(context.folder, ARTEFACTS).to_pylist()}
    known = rows.get(name)
    asked = json.loads(json.dumps({"settings": settings, "trained_on": list(trained_on)}))
    record_path = context.record_path("artefacts", name.replace(":", "-"))
    if known and _is_as_asked(context, known, asked):
        _note(context, name, UnitRecord(known["hash"], asked), done=False)
        return locate(context.folder, known["path"])
    start = time.process_time()
    made: list[ArtefactRecord] = []
    attachment = attach_file(
        context.folder, ARTEFACTS, f"{name.replace(':', '-')}.bin", lambda path: made.append(make(path))
    )
    rows[name] = {
        "name": name,
        "hash": attachment.sha256,
        "path": attachment.path,
        "trained_on": list(trained_on),
        "quality": made[0].quality,
        "record": json.dumps({"asked": asked, "made": made[0].record}, sort_keys=True),
    }
    _publish(context, rows, attachment)
    record = UnitRecord(attachment.sha256, asked, attached={ARTEFACTS.name: [attachment]})
    record.cpu_seconds, record.text_bytes_read = round(time.process_time() - start, 3), made[0].text_bytes_read
    record.save(record_path, scratch=context.folder / "scratch")
    _note(context, name, record, done=True)
    return context.folder / attachment.path


def _is_as_asked(context: Context, known: dict[str, Any], asked: Any) -> bool:
    """Whether the artefact can be used. Raises DriftError or InputError where it cannot, and no rerun was asked for."""
    name, again = known["name"], "add --rerun to train it again (all text is then classified again)"
    had = json.loads(known["record"])["asked"]
    sizes = {path_in_run(a.path): a.bytes for a in load_manifest(context.folder, ARTEFACTS.name).attached}
    path = locate(context.folder, known["path"])
    whole = has_size(path, sizes.get(known["path"], -1))
    if context.rerun or (had == asked and whole):
        return bool(had == asked and whole)
    if had != asked:
        raise DriftError(
            f"artefact {name} is frozen and was trained with {json.dumps(had)}; the config asks for {json.dumps(asked)}. "
            f"Put the setting back, or {again}."
        )
    raise InputError(
        f"artefact {name}: {path} is missing or damaged, and what was labelled rests on it; put it back, or {again}."
    )


def _note(context: Context, name: str, record: UnitRecord, *, done: bool) -> None:
    context.book.add_step_row(context.step, "all", name, None, record, done=done)


def _publish(context: Context, rows: dict[str, dict[str, Any]], new: Attachment) -> None:
    data = pa.Table.from_pylist([rows[name] for name in sorted(rows)], ARTEFACTS.schema())
    entry = write_table(context.folder, ARTEFACTS, data, stem="artefacts")
    kept = [a for a in load_manifest(context.folder, ARTEFACTS.name).attached if a.name != new.name]
    attached = sorted([*kept, new], key=lambda a: a.name)
    publish(context.folder, Manifest(ARTEFACTS.name, (entry,), tuple(attached)))
