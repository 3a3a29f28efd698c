"""Tables on disk. A table is a manifest: exact files, rows and hashes, published last by one small write.

This is the only module that writes tables or lists files. Files are named after their content, so nothing that was
published is ever overwritten, equal content has an equal name, and a reader never sees a half-written file.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from midmix.errors import InputError, StepError
from midmix.layer import base_of, path_in_run, way_to_base
from midmix.tables import KEY, TABLES, Table

SCHEMA_VERSION = 2
# Row groups of one fixed size, whatever chunks the rows come in: the bytes depend on the rows alone.
ROWS_PER_GROUP = 16_384


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


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_atomically(path: Path, write: Callable[[Path], object], *, scratch: Path) -> None:
    """Let `write` fill a scratch file, then put it in place in one step, safe against a crash at any moment."""
    temporary = scratch_file(scratch, path.suffix)
    write(temporary)
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    path.parent.mkdir(parents=True, exist_ok=True)
    os.replace(temporary, path)


def write_json(path: Path, value: object, *, scratch: Path, sort_keys: bool = True) -> None:
    """`value` as JSON, atomically; canonical where keys are sorted, which those whose order counts are not."""
    text = json.dumps(value, indent=1, sort_keys=sort_keys, ensure_ascii=False) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"), scratch=scratch)


def scratch_file(scratch: Path, suffix: str = "") -> Path:
    """A path for a file that does not exist yet, in the run's scratch folder, which several machines may share."""
    scratch.mkdir(parents=True, exist_ok=True)
    return scratch / f"{uuid.uuid4().hex}{suffix}"


def _checked(batch: pa.RecordBatch | pa.Table, schema: pa.Schema, name: str) -> pa.Table:
    data = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
    if data.schema.names != schema.names:
        raise StepError(f"table {name}: got columns {data.schema.names}, expected {schema.names}")
    for column in schema:
        if not column.nullable and data.column(column.name).null_count:
            raise StepError(f"table {name}: column {column.name} has NULL, which its schema forbids")
    return data.cast(schema)


def _row_groups(batches: Iterable[pa.RecordBatch | pa.Table], schema: pa.Schema, name: str) -> Iterator[pa.Table]:
    """The same rows in chunks of exactly ROWS_PER_GROUP, the last one shorter."""
    waiting: list[pa.Table] = []
    rows = 0
    for batch in batches:
        waiting.append(_checked(batch, schema, name))
        rows += waiting[-1].num_rows
        if rows >= ROWS_PER_GROUP:
            whole = pa.concat_tables(waiting)
            full = rows - rows % ROWS_PER_GROUP
            for start in range(0, full, ROWS_PER_GROUP):
                yield whole.slice(start, ROWS_PER_GROUP).combine_chunks()
            waiting, rows = [whole.slice(full)], rows - full
    if rows:
        yield pa.concat_tables(waiting).combine_chunks()


def _write_parquet(path: Path, table: Table, schema: pa.Schema, groups: Iterable[pa.Table]) -> int:
    keys, packed = [c.name for c in schema if c.type == KEY], table.packed
    codecs = {c.name: "NONE" if c.name in packed else "zstd" for c in schema}
    rows = 0
    with pq.ParquetWriter(
        path,
        schema,
        compression=codecs if packed else "zstd",
        compression_level={name: 3 for name, codec in codecs.items() if codec == "zstd"} if packed else 3,
        use_dictionary=[
            c.name for c in schema if c.type in (pa.string(), pa.bool_(), pa.int32()) and c.name not in packed
        ],
        column_encoding=dict.fromkeys([*keys, *packed], "DELTA_BINARY_PACKED"),
    ) as writer:
        for group in groups:
            writer.write_table(group, row_group_size=ROWS_PER_GROUP)
            rows += group.num_rows
    return rows


def write_table(
    folder: Path,
    table: Table,
    data: pa.Table | Iterable[pa.RecordBatch | pa.Table],
    *,
    stem: str,
    unit: str = "",
    part: int | None = None,
) -> FileEntry:
    """Write one file of a table into the run folder and return its entry; nothing is published yet.

    Rows are stored in the order given, which must be the order of the key. Raises StepError when columns, types or
    NULLs are not those of the schema.
    """
    schema = table.schema(unit if table.groups else None)
    temporary = scratch_file(folder / "scratch", ".parquet")
    batches = [data] if isinstance(data, pa.Table) else data
    rows = _write_parquet(temporary, table, schema, _row_groups(batches, schema, table.name))
    return FileEntry(*_settle(folder, table.name, stem, temporary, rows), part=part, unit=unit)


def _settle(folder: Path, table: str, stem: str, temporary: Path, rows: int) -> tuple[str, int, int, str]:
    digest = sha256_of(temporary)
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    path = Path("data") / table / f"{stem}-{digest[:12]}{temporary.suffix}"
    size = temporary.stat().st_size
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    os.replace(temporary, folder / path)
    return str(path), rows, size, digest


def attach_file(folder: Path, table: Table, name: str, write: Callable[[Path], None]) -> Attachment:
    """Write a file that is no table and return its entry. `name` may hold folders and ends with the suffix."""
    temporary = scratch_file(folder / "scratch", Path(name).suffix)
    write(temporary)
    path, _, size, digest = _settle(folder, table.name, name.removesuffix(temporary.suffix), temporary, 0)
    return Attachment(name, path, size, digest)


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


def publish_unit(folder: Path, table: Table, unit: str, data: pa.Table) -> None:
    """Make `data` the files of one unit of a table without column groups; those of its other units stay."""
    manifest = load_manifest(folder, table.name)
    others = tuple(f for f in manifest.files if f.unit != unit)
    made = (write_table(folder, table, data, stem=unit, unit=unit),) if data.num_rows else ()
    publish(folder, replace(manifest, files=(*others, *made)))


def read_unit(folder: Path, table: Table, unit: str) -> pa.Table:
    """The rows of one unit of a table without column groups, in memory."""
    paths = load_manifest(folder, table.name).paths(folder, unit=unit)
    return pa.concat_tables([table.schema().empty_table(), *(read_file(path) for path in paths)])


def has_size(path: Path, num_bytes: int) -> bool:
    """Whether there is a file of that size: what a full disk or a crash of the machine cuts off is shorter."""
    try:
        return path.stat().st_size == num_bytes
    except OSError:
        return False


def read_file(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A parquet file of a table in memory. `pq.read_table` takes three times as long to open one, 0.3 ms more."""
    with pq.ParquetFile(path) as file:
        return file.read(columns=None if columns is None else list(columns), use_threads=False)


def is_made(folder: Path, table: str) -> bool:
    """Whether a table was published, here or in the run that this one stands on."""
    base = base_of(folder)
    return manifest_path(folder, table).exists() or (base is not None and is_made(base, table))


def read_table(folder: Path, table: Table) -> pa.Table:
    """A whole table in memory; column groups are put side by side. For small tables."""
    manifest = load_manifest(folder, table.name)
    if not table.groups:
        files = [read_file(path) for path in manifest.paths(folder)]
        return pa.concat_tables(files) if files else table.schema().empty_table()
    whole: pa.Table | None = None
    for unit in table.groups:
        files = [read_file(path) for path in manifest.paths(folder, unit=unit)]
        group = pa.concat_tables(files) if files else None
        if group is None:
            continue
        if whole is None:
            whole = group
        elif whole.column(0) != group.column(0):
            raise InputError(f"table {table.name}: column group {unit} has other keys; run the step with --rerun")
        else:
            for column in group.schema.names[1:]:
                whole = whole.append_column(group.schema.field(column), group.column(column))
    return whole if whole is not None else table.schema().empty_table()


def sweep(folder: Path, referenced: set[str]) -> None:
    """Remove data files that no manifest and no record names: what crashes and replaced parts leave behind."""
    for table in TABLES:
        data = folder / "data" / table
        for path in sorted(data.rglob("*")) if data.exists() else ():
            if path.is_file() and str(path.relative_to(folder)) not in referenced:
                path.unlink()
    shutil.rmtree(folder / "scratch", ignore_errors=True)


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
