"""DuckDB over a run: views made from the manifests' exact file lists, locked in.

A connection can read the run's files and nothing else: no other file, no network, no extension, no write. Exactly
one SELECT is taken at a time, because `COPY … (use_tmp_file false)` could still overwrite a file that may be read.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from midmix.columns import tables_of
from midmix.config import Config
from midmix.errors import ConfigError, InputError
from midmix.overlap import URL_MACRO, overlap_sql
from midmix.statement import check_select
from midmix.table_manifest import Manifest, load_manifest
from midmix.tables import DOCUMENTS, TABLES, Table
from midmix.tables.sql_types import sql_null

MACROS = """
CREATE MACRO key(text) AS (split_part(text, ':', 1)::UBIGINT << 32) | split_part(text, ':', 2)::UBIGINT;
CREATE MACRO key_text(doc) AS (doc >> 32)::VARCHAR || ':' || (doc & 4294967295)::VARCHAR;
"""


def quoted(text: str) -> str:
    """An SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def connect_capped(memory_bytes: int, spill: Path, threads: int = 1) -> duckdb.DuckDBPyConnection:
    """An empty in-memory connection that spills to `spill` beyond its memory."""
    connection = duckdb.connect(":memory:")
    connection.execute(f"SET threads = {threads}")
    connection.execute(f"SET memory_limit = '{memory_bytes // 1_000_000}MB'")
    connection.execute(f"SET temp_directory = {quoted(str(spill))}")
    connection.execute("SET python_enable_replacements = false")
    return connection


def connect(
    folder: Path, config: Config, *, memory_bytes: int = 1 << 30, threads: int = 2
) -> duckdb.DuckDBPyConnection:
    """A connection with every view of the run, locked: it reads the run's files alone."""
    # A reader writes nothing into the run folder, which may be read-only; scratch is the one writer's, who empties it.
    connection = connect_capped(memory_bytes, Path(tempfile.gettempdir()) / f"midmix-sql-{os.getpid()}", threads)
    connection.execute(MACROS + URL_MACRO)
    files: list[str] = []
    for table in tables_of(config).values():
        manifest = load_manifest(folder, table.name)
        files += [str(path) for path in manifest.paths(folder)]
        with sql_errors():
            connection.execute(f"CREATE VIEW {_stored_name(table)} AS {_select(table, manifest, folder)}")
    for name, sql in derived_views(config).items():
        connection.execute(f"CREATE VIEW {name} AS {sql}")
    connection.execute(f"SET allowed_paths = [{', '.join(map(quoted, files))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def view_names(config: Config) -> list[str]:
    """Names of all views, in the order of the flow."""
    return [t.name for t in TABLES.values() if not t.internal] + [
        v for v in derived_views(config) if v != DOCUMENTS.name
    ]


def derived_views(config: Config) -> dict[str, str]:
    """Views that are columns of other tables put side by side; nothing of them is stored."""
    from midmix.curation.decide.sql import BYTES_PER_TOKEN, judged_view_sql, views_sql

    return {
        "documents": """SELECT d.*, p.source, s.kind, p.path, p.first_row + (d.doc & 4294967295)::BIGINT AS row
            FROM stored_documents d JOIN parts p ON p.part = (d.doc >> 32)::BIGINT JOIN sources s ON s.source = p.source""",
        "judged": judged_view_sql(config),
        **views_sql(config),
        "overlap": overlap_sql(BYTES_PER_TOKEN),
    }


def _stored_name(table: Table) -> str:
    return "stored_documents" if table is DOCUMENTS else table.name


def _select(table: Table, manifest: Manifest, folder: Path) -> str:
    if not table.groups:
        return _read(manifest.paths(folder)) or _empty(table, None)
    key = table.key[0]
    groups = {u: _read(manifest.paths(folder, unit=u)) for u in table.groups}
    made = {u: sql for u, sql in groups.items() if sql}
    if not made:
        return _empty(table, None)
    (first, base), *others = made.items()
    joins = " ".join(f"LEFT JOIN ({sql}) AS g_{unit} USING ({key})" for unit, sql in others)
    columns = [
        c.name if c.name in table.key or c.group in made else sql_null(pa.field(c.name, c.dtype)) for c in table.columns
    ]
    return f"SELECT {', '.join(columns)} FROM ({base}) AS g_{first} {joins}"


def _read(paths: Iterable[Path]) -> str:
    listed = ", ".join(quoted(str(path)) for path in paths)
    return f"SELECT * FROM read_parquet([{listed}])" if listed else ""


def _empty(table: Table, unit: str | None) -> str:
    columns = ", ".join(map(sql_null, table.schema(unit)))
    return f"SELECT {columns} WHERE false"


def ask(connection: duckdb.DuckDBPyConnection, query: str) -> duckdb.DuckDBPyRelation:
    """The answer to one SELECT. Raises ConfigError with DuckDB's own words when it cannot be answered."""
    with sql_errors():
        check_select(connection, query)
        return connection.sql(query)


@contextmanager
def sql_errors() -> Iterator[None]:
    """Turn DuckDB's errors into ours: of the query (ConfigError), or of a file of the run (InputError).

    An answer is computed as it is read, so this belongs around the reading as well.
    """
    try:
        yield
    except duckdb.Error as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        words = " ".join(lines[:2])
        # No query can name a file, so a file in the message is one of the run's.
        if re.search(r"[^\s'\"]\.parquet", words):
            raise InputError(
                f"a file of the run is missing or damaged: {words}. Run midmix with this folder again: it is made anew."
            ) from None
        raise ConfigError(f"SQL: {words}") from None
