"""The view `judged` of one part at a time, in DuckDB, from the exact files that the manifests list."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from pathlib import Path
from types import TracebackType

import duckdb
import numpy as np
import pyarrow as pa

from midmix.columns import labels_of, scores_of
from midmix.config import Config
from midmix.curation.decide.sql import judged_view_sql, words_of
from midmix.errors import StepError
from midmix.parts import Part, document_keys
from midmix.table_files import read_file, read_table
from midmix.table_manifest import Manifest, load_manifest
from midmix.tables import DOCUMENTS, LABELS, PARTS, SCORES, SOURCES, Table
from midmix.tables.sql_types import sql_null


def _list_of(paths: tuple[Path, ...]) -> str:
    return "[" + ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths) + "]"


class JudgedParts:
    """A DuckDB connection whose views `documents`, `scores`, `labels` and `judged` show one part. A context manager.

    Memory is bounded by `memory_bytes` and by one part, never by the tables: DuckDB spills to `scratch`.
    """

    def __init__(self, folder: Path, config: Config, *, memory_bytes: int, scratch: Path) -> None:
        self._folder, self._config = folder, config
        self._grouped = (scores_of(config), labels_of(config))
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

    def kinds(self, part: Part) -> frozenset[str]:
        """The kinds of the part's documents: their labels, and the source's kind where a label is missing."""
        (group,) = (g for g in LABELS.groups if "kind" in LABELS.schema(g).names)
        paths = self._manifests[LABELS.name].paths(self._folder, part=part.id, unit=group)
        labels = [read_file(path, ["kind"]).column(0).unique() for path in paths]
        found = {label for column in labels for label in column.to_pylist()} or {None}
        return frozenset(part.kind if label is None else label for label in found)

    def show(self, part: int, sql: str) -> bool:
        """Point the views at a part; False where it has no documents at all.

        Of scores and labels those columns alone are there that `sql`, what will be asked, may name.
        Raises StepError when a score is missing for a document: a verdict would rest on nothing.
        """
        files = self.document_files(part)
        if not files:
            return False
        asked = words_of(sql)
        self.connection.execute(f"CREATE OR REPLACE VIEW documents AS SELECT * FROM read_parquet({_list_of(files)})")
        for table in self._grouped:
            self._show_groups(table, part, asked)
        self.connection.execute(f"CREATE OR REPLACE VIEW judged AS {judged_view_sql(self._config, asked)}")
        return True

    def _show_groups(self, table: Table, part: int, asked: Collection[str]) -> None:
        wanted = {"kind", *asked} - {"doc"}
        joins, columns = [], ["d.doc"]
        for group in table.groups:
            fields = [field for field in table.schema(group) if field.name.lower() in wanted]
            if not fields:
                continue
            paths = self._group_files(table, group, part)
            if paths:
                joins.append(f"POSITIONAL JOIN read_parquet({_list_of(paths)}) AS {group}_")
            columns += [f"{group}_.{field.name}" if paths else sql_null(field) for field in fields]
        # Groups hold the same rows in the same order, and a join by position keeps nothing in memory.
        self.connection.execute(
            f"CREATE OR REPLACE VIEW {table.name} AS SELECT {', '.join(columns)} FROM documents AS d {' '.join(joins)}"
        )

    def _group_files(self, table: Table, group: str, part: int) -> tuple[Path, ...]:
        """The part's files of a column group, none where it was not made. Raises StepError where rows are not the documents'."""
        manifest = self._manifests[table.name]
        paths = manifest.paths(self._folder, part=part, unit=group)
        if not paths and table.name != SCORES.name:
            return ()
        keys = document_keys(self.document_files(part))
        found = document_keys(paths)
        if not np.array_equal(found, keys):
            raise StepError(
                f"part {part}: {table.name}, group {group!r} has {len(found)} rows for {len(keys)} documents, or others' rows; "
                f"run the steps from '{'score' if table.name == SCORES.name else 'classify'}' again"
            )
        return paths

    def table(self, sql: str) -> pa.Table:
        """The result of a query over the views, as Arrow."""
        return self.connection.sql(sql).to_arrow_table()


def files_of_part(folder: Path, manifest: Manifest, part: int) -> tuple[Path, ...]:
    """Files of a table that may hold rows of the part: its own, and those that belong to no one part."""
    files = [*manifest.by_part.get(part, []), *manifest.by_part.get(None, [])]
    return tuple(folder / f.path for f in files)
