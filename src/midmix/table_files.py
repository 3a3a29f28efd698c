"""The files of tables: written, read, and swept when nothing names them any more.

This is the only module that writes tables or lists files. Files are named after their content, so nothing that was
published is ever overwritten, equal content has an equal name, and a reader never sees a half-written file.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from midmix.disk import scratch_file, sha256_of
from midmix.errors import InputError, StepError
from midmix.table_manifest import Attachment, FileEntry, load_manifest, publish
from midmix.tables import KEY, TABLES, Table

# Row groups of one fixed size, whatever chunks the rows come in: the bytes depend on the rows alone.
ROWS_PER_GROUP = 16_384


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


def attach_file(folder: Path, table: Table, name: str, write: Callable[[Path], None]) -> Attachment:
    """Write a file that is no table and return its entry. `name` may hold folders and ends with the suffix."""
    temporary = scratch_file(folder / "scratch", Path(name).suffix)
    write(temporary)
    path, _, size, digest = _settle(folder, table.name, name.removesuffix(temporary.suffix), temporary, 0)
    return Attachment(name, path, size, digest)


def _settle(folder: Path, table: str, stem: str, temporary: Path, rows: int) -> tuple[str, int, int, str]:
    digest = sha256_of(temporary)
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    path = Path("data") / table / f"{stem}-{digest[:12]}{temporary.suffix}"
    size = temporary.stat().st_size
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    os.replace(temporary, folder / path)
    return str(path), rows, size, digest


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


def read_file(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A parquet file of a table in memory. `pq.read_table` takes three times as long to open one, 0.3 ms more."""
    with pq.ParquetFile(path) as file:
        return file.read(columns=None if columns is None else list(columns), use_threads=False)


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
