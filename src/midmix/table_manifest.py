"""What a table on disk consists of: exact files, rows and hashes, published last by one small write."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from midmix.disk import write_json
from midmix.errors import InputError
from midmix.layer import base_of, way_to_base

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class FileEntry:
    """One parquet file of a table. `path` is relative to the run folder."""

    path: str
    rows: int
    bytes: int
    sha256: str
    part: int | None = None
    unit: str = ""


@dataclass(frozen=True)
class Attachment:
    """A file beside a table that is no table, such as a token shard. `name` is what later steps ask for."""

    name: str
    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a table consists of."""

    table: str
    files: tuple[FileEntry, ...] = ()
    attached: tuple[Attachment, ...] = ()
    schema_version: int = SCHEMA_VERSION

    @property
    def attachments(self) -> dict[str, str]:
        """Name of every attached file to its path, relative to the run folder."""
        return {a.name: a.path for a in self.attached}

    @property
    def digest(self) -> str:
        """A hash of the content: of the files' hashes in order, not of where they lie."""
        text = "\n".join(
            [f"{f.part}|{f.unit}|{f.sha256}" for f in self.files] + [f"{a.name}|{a.sha256}" for a in self.attached]
        )
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def by_part(self) -> dict[int | None, list[FileEntry]]:
        """Files of each part; under None those of no one part."""
        found: dict[int | None, list[FileEntry]] = {}
        for entry in self.files:
            found.setdefault(entry.part, []).append(entry)
        return found

    def from_layer(self, way: str) -> Manifest:
        """The same, as a run that stands on this one names its files; `way` leads from there to here."""
        files = tuple(replace(f, path=f"{way}/{f.path}") for f in self.files)
        return replace(self, files=files, attached=tuple(replace(a, path=f"{way}/{a.path}") for a in self.attached))

    def of_units(self, units: Collection[str]) -> Manifest:
        """The files of some units alone."""
        return replace(self, files=tuple(f for f in self.files if f.unit in units))

    def paths(self, folder: Path, *, part: int | None = None, unit: str | None = None) -> tuple[Path, ...]:
        """Absolute paths of the files; of one part or unit when given."""
        files = self.files if part is None else self.by_part.get(part, [])
        return tuple(folder / f.path for f in files if unit is None or f.unit == unit)


def manifest_path(folder: Path, table: str) -> Path:
    """Where the manifest of a table lies."""
    return folder / "tables" / f"{table}.json"


def publish(folder: Path, manifest: Manifest) -> None:
    """Make a table visible, by one small write."""
    value = asdict(manifest) | {"rows": sum(f.rows for f in manifest.files)}
    write_json(manifest_path(folder, manifest.table), value, scratch=folder / "scratch")


def load_manifest(folder: Path, table: str) -> Manifest:
    """The manifest of a table; without files when it was not made yet. Raises InputError when it cannot be read.

    What a run that stands on another has not made is the other's.
    """
    path = manifest_path(folder, table)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["schema_version"] != SCHEMA_VERSION:
            raise InputError(
                f"{path}: schema version {value['schema_version']}, this midmix reads {SCHEMA_VERSION}. "
                f"Open the run with the version that made it."
            )
        files = tuple(FileEntry(**f) for f in value["files"])
        return Manifest(table, files, tuple(Attachment(**a) for a in value["attached"]))
    except FileNotFoundError:
        way = way_to_base(folder)
        return load_manifest(folder / way, table).from_layer(way) if way else Manifest(table)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: no readable manifest ({error!r}). Delete it and run midmix with this folder again: it is made "
            f"anew from the records."
        ) from None


def is_made(folder: Path, table: str) -> bool:
    """Whether a table was published, here or in the run that this one stands on."""
    base = base_of(folder)
    return manifest_path(folder, table).exists() or (base is not None and is_made(base, table))
