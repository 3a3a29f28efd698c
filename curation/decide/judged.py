"""The view `judged` of one part at a time, in DuckDB, from the exact files that the manifests list."""

from __future__ import annotations

import uuid
from pathlib import Path
from types import TracebackType

import duckdb
import numpy as np
import pyarrow as pa

from midmix.artifact import Manifest, load_manifest, read_table
from midmix.columns import labels_of, scores_of
from midmix.config import Config
from midmix.curation.decide.sql import judged_view_sql
from midmix.errors import StepError
from midmix.parts import document_keys
from midmix.tables import DOCUMENTS, PARTS, SCORES, SOURCES, Table
from midmix.tables.sql_types import sql_null


def _list_of(paths: tuple[Path, ...]) -> str:
    return "[" + ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths) + "]"


class JudgedParts:
    """A DuckDB connection whose views `documents`, `scores`, `labels` and `judged` show one part. A context manager.

    Memory is bounded by `memory_bytes` and by one part, never by the tables: DuckDB spills to `scratch`. Of scores and
    labels those column groups alone are read that `sql`, what will be asked, may name; the others' columns are NULL.
    """

    def __init__(self, folder: Path, config: Config, *, sql: str, memory_bytes: int, scratch: Path) -> None:
        self._folder, self._sql = folder, sql.lower()
        self._grouped = (scores_of(config), labels_of(config))
        self._judged_sql = judged_view_sql(config)
        self._manifests = {t.name: load_manifest(folder, t.name) for t in (DOCUMENTS, *self._grouped)}
        self.connection = duckdb.connect(":memory:")
        self.connection.execute("SET threads = 1")
        self.connection.execute(f"SET memory_limit = '{max(memory_bytes, 64 << 20)}B'")
        # A spill folder of its own: the names of spilled files are the same in every process.
        spill = str(scratch / f"duckdb-{uuid.uuid4().hex}").replace("'", "''")
        self.connection.execute(f"SET temp_directory = '{spill}'")
        for table in (PARTS, SOURCES):
            self.connection.register(table.name, read_table(folder, table))

    def __enter__(self) -> JudgedParts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def document_files(self, part: int) -> tuple[Path, ...]:
        """The part's files of DOCUMENTS."""
        return self._manifests[DOCUMENTS.name].paths(self._folder, part=part)

    def show(self, part: int) -> bool:
        """Point the views at a part; False where it has no documents at all.

        Raises StepError when a score is missing for a document: a verdict would rest on nothing.
        """
        files = self.document_files(part)
        if not files:
            return False
        self.connection.execute(f"CREATE OR REPLACE VIEW documents AS SELECT * FROM read_parquet({_list_of(files)})")
        rows = sum(f.rows for f in self._manifests[DOCUMENTS.name].by_part[part])
        for table in self._grouped:
            self._show_groups(table, part, rows)
        self.connection.execute(f"CREATE OR REPLACE VIEW judged AS {self._judged_sql}")
        return True

    def _show_groups(self, table: Table, part: int, rows: int) -> None:
        manifest = self._manifests[table.name]
        keys = document_keys(self.document_files(part))
        joins, columns = [], ["d.doc"]
        for group in table.groups:
            fields = [field for field in table.schema(group) if field.name != "doc"]
            if not any(field.name.lower() in self._sql for field in fields):
                columns += map(sql_null, fields)
                continue
            found = sum(f.rows for f in manifest.by_part.get(part, []) if f.unit == group)
            paths = manifest.paths(self._folder, part=part, unit=group)
            if (found != rows and (paths or table.name == SCORES.name)) or (
                paths and not np.array_equal(document_keys(paths), keys)
            ):
                raise StepError(
                    f"part {part}: {table.name}, group {group!r} has {found} rows for {rows} documents, or others' rows; "
                    f"run the steps from '{'score' if table.name == SCORES.name else 'classify'}' again"
                )
            if paths:
                joins.append(f"POSITIONAL JOIN read_parquet({_list_of(paths)}) AS {group}_")
            columns += [f"{group}_.{field.name}" if paths else sql_null(field) for field in fields]
        # Groups hold the same rows in the same order, and a join by position keeps nothing in memory.
        self.connection.execute(
            f"CREATE OR REPLACE VIEW {table.name} AS SELECT {', '.join(columns)} FROM documents AS d {' '.join(joins)}"
        )

    def table(self, sql: str) -> pa.Table:
        """The result of a query over the views, as Arrow."""
        return self.connection.sql(sql).to_arrow_table()


def files_of_part(folder: Path, manifest: Manifest, part: int) -> tuple[Path, ...]:
    """Files of a table that may hold rows of the part: its own, and those that belong to no one part."""
    files = [*manifest.by_part.get(part, []), *manifest.by_part.get(None, [])]
    return tuple(folder / f.path for f in files)
