"""What is known of a finished unit of work. It lies beside the tables; the run's own record is in `book`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from midmix.disk import has_size, write_json
from midmix.layer import path_in_run, way_to_base
from midmix.table_manifest import Attachment, FileEntry


@dataclass
class Record:
    """What is known of one finished unit of work: its fingerprint and what it wrote. Lies beside the tables."""

    fingerprint: str
    payload: dict[str, Any]
    files: dict[str, list[FileEntry]] = field(default_factory=dict)
    attached: dict[str, list[Attachment]] = field(default_factory=dict)
    counts: list[dict[str, Any]] = field(default_factory=list)
    cpu_seconds: float = 0.0
    text_bytes_read: int = 0

    def save(self, path: Path, *, scratch: Path) -> None:
        """Write the record, last of all: its presence means that the unit is done."""
        write_json(path, asdict(self), scratch=scratch)

    @staticmethod
    def load(path: Path) -> Record | None:
        """The record at `path`, or None when the unit was not finished."""
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            value["files"] = {t: [FileEntry(**f) for f in files] for t, files in value["files"].items()}
            value["attached"] = {t: [Attachment(**a) for a in files] for t, files in value["attached"].items()}
            return Record(**value)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError):
            return None  # a disk that lied; the unit is done again

    @staticmethod
    def find(folder: Path, name: Path) -> Record | None:
        """The record called `name` (a relative path) of a run, or else of the run that this one stands on."""
        record = Record.load(folder / name)
        way = way_to_base(folder) if record is None else None
        below = Record.find(folder / way, name) if way else None
        return below.from_layer(way) if below and way else record

    def from_layer(self, way: str) -> Record:
        """The same, as a run that stands on this one names its files; `way` leads from there to here."""
        return self._renamed(lambda path: f"{way}/{path}")

    def from_base(self) -> Record:
        """The same, as the run that this one stands on names the files, once they are there."""
        return self._renamed(path_in_run)

    def _renamed(self, name: Callable[[str], str]) -> Record:
        files = {t: [replace(f, path=name(f.path)) for f in of] for t, of in self.files.items()}
        attached = {t: [replace(a, path=name(a.path)) for a in of] for t, of in self.attached.items()}
        return replace(self, files=files, attached=attached)

    def is_whole(self, folder: Path) -> bool:
        """Whether every file that this record names is there in its full size."""
        tables = [(f.path, f.bytes) for files in self.files.values() for f in files]
        attached = [(a.path, a.bytes) for files in self.attached.values() for a in files]
        return all(has_size(folder / path, num_bytes) for path, num_bytes in (*tables, *attached))

    def paths(self) -> set[str]:
        """Every file that this record names, relative to the run folder."""
        tables = [f.path for files in self.files.values() for f in files]
        return {*tables, *(a.path for files in self.attached.values() for a in files)}
