"""One task and what comes of it: the contract of the work functions, which run in worker processes.

A work function is a top-level `work(task, output)`. What it wrote counts once its record is written, last of all.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from midmix.errors import StepError
from midmix.parts import ROW_MASK, Documents, Part, document_keys, read_column
from midmix.record import Record
from midmix.table_files import attach_file, write_table
from midmix.table_manifest import Attachment, FileEntry
from midmix.tables import Table

# Threads that write small files.
WRITERS = 8
JSON = Any
Work = Callable[["Task", "Output"], None]


def _nothing() -> None:
    pass


# Called between a task's work and its records. A rank of a cluster ends here when its run is no more.
before_records: Callable[[], None] = _nothing


@dataclass(frozen=True)
class Task:
    """What a work function is given. `units` maps the units to do to their settings; `inputs` tables to files."""

    item: str
    part: Part | None
    units: dict[str, JSON]
    inputs: dict[str, tuple[Path, ...]]
    previous: dict[str, tuple[Path, ...]]
    extra: Any
    folder: Path
    memory_bytes: int
    seed: int

    @property
    def settings(self) -> JSON:
        """The settings of a task with one unit."""
        (settings,) = self.units.values()
        return settings

    @property
    def scratch(self) -> Path:
        """A folder of the run for files that need not outlive the task."""
        return self.folder / "scratch"


@dataclass
class Output:
    """What a work function fills: tables, attached files, and counts."""

    folder: Path
    item: str
    part: int | None
    files: list[tuple[str, FileEntry]] = field(default_factory=list)
    attached: list[tuple[str, str, Attachment]] = field(default_factory=list)
    counts: list[dict[str, Any]] = field(default_factory=list)
    text_bytes_read: int = 0

    def table(
        self,
        table: Table,
        data: pa.Table | Iterable[pa.RecordBatch],
        *,
        unit: str = "",
        part: int | None = None,
        stem: str = "",
    ) -> None:
        """Write one file of `table`, at once; rows in key order. `part` is the task's own unless given."""
        stem = stem or (f"p{part:08d}" if part is not None else self.item)
        entry = write_table(
            self.folder,
            table,
            data,
            stem=f"{unit}/{stem}" if unit else stem,
            unit=unit,
            part=self.part if part is None else part,
        )
        self.files.append((table.name, entry))

    def attach(self, table: Table, name: str, write: Callable[[Path], None], *, unit: str = "") -> str:
        """Write a file that is no table; later steps find it by `name`. Returns its path in the run folder."""
        attachment = attach_file(self.folder, table, name, write)
        self.attached.append((table.name, unit, attachment))
        return attachment.path

    def attach_all(self, table: Table, files: Mapping[str, Callable[[Path], None]]) -> list[Attachment]:
        """Write many small files that are no tables, in their order; returns their entries.

        Nearly all of it is waiting for the disk to say that a file is there: 8 threads took a sixth of the time of one.
        """
        with ThreadPoolExecutor(WRITERS) as threads:
            made = list(threads.map(lambda name: attach_file(self.folder, table, name, files[name]), files))
        self.attached += [(table.name, "", attachment) for attachment in made]
        return made

    def count(
        self,
        source: str,
        rows_in: int,
        kept: int,
        dropped: Mapping[str, tuple[int, int]] | None = None,
        quarantined: int = 0,
    ) -> None:
        """Account for rows of one source; `dropped` maps a reason to (documents, bytes). Raises StepError on a gap."""
        lost = sum(documents for documents, _ in (dropped or {}).values())
        if rows_in != kept + lost + quarantined:
            raise StepError(
                f"{self.item}, source {source}: {rows_in} rows came in, but {kept} kept + {lost} dropped "
                f"+ {quarantined} quarantined are {kept + lost + quarantined}; rows may not vanish"
            )
        self.counts.append(
            {
                "source": source,
                "rows_in": rows_in,
                "kept": kept,
                "dropped": dict(dropped or {}),
                "quarantined": quarantined,
            }
        )

    def removed_bytes(self, source: str, reason: str, num_bytes: int) -> None:
        """Account for bytes that an edit removed from kept documents."""
        if num_bytes:
            edit = {"source": source, "rows_in": 0, "kept": 0, "dropped": {reason: (0, num_bytes)}, "quarantined": 0}
            self.counts.append(edit)

    def read_text(self, num_bytes: int) -> None:
        """Account for document text that was read."""
        self.text_bytes_read += num_bytes


@dataclass(frozen=True)
class ArtefactRecord:
    """What is known of a trained artefact: held-out accuracy, and settings and counts as JSON values."""

    quality: float | None
    record: dict[str, Any]
    text_bytes_read: int = 0


def read_documents(task: Task) -> Documents:
    """The readable documents of the task's part with their raw text: those that DOCUMENTS lists."""
    part = task.part
    assert part is not None
    keys = document_keys(task.inputs["documents"])
    texts = read_column(part, part.text_column)
    rows = (keys & np.uint64(ROW_MASK)).astype(np.int64)
    if len(rows) != len(texts):
        texts = texts.take(pa.array(rows))
    return Documents(keys, texts, part.source, part.kind, texts.nbytes)


def fingerprint(payload: JSON) -> str:
    """SHA-256 of a payload of plain values, independent of the order of keys."""
    return hashlib.sha256(json.dumps(payload, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def perform(work: Work, task: Task, records: dict[str, tuple[str, JSON, Path]]) -> list[Path]:
    """Do one task in this process and write the records of its units, last of all; where they lie."""
    output = Output(task.folder, task.item, task.part.id if task.part else None)
    start = time.process_time()
    work(task, output)
    seconds = time.process_time() - start
    first = True
    before_records()
    for unit, (print_, payload, path) in records.items():
        record = Record(print_, payload)
        for table, entry in output.files:
            if entry.unit == unit or (first and entry.unit not in records):
                record.files.setdefault(table, []).append(entry)
        for table, of_unit, attachment in output.attached:
            if of_unit == unit or (first and of_unit not in records):
                record.attached.setdefault(table, []).append(attachment)
        record.counts = output.counts
        if first:
            record.cpu_seconds, record.text_bytes_read = round(seconds, 3), output.text_bytes_read
        record.save(path, scratch=task.scratch)
        first = False
    return [path for _, _, path in records.values()]
