"""A run as one DuckDB file, for other tools. midmix itself never reads it."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from midmix.errors import InputError
from midmix.query import quoted, sql_errors, view_names
from midmix.run import Run


def write_database(run: Run, destination: Path) -> Path:
    """Write every view as a table into `destination`, under a temporary name first."""
    if not destination.parent.is_dir():
        raise InputError(f"{destination.parent}: no such folder. Make it, or give another --dest.")
    temporary = destination.with_name(f".{destination.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        _fill(run, temporary)
        os.replace(temporary, destination)
    finally:
        temporary.unlink(missing_ok=True)
    return destination


def _fill(run: Run, path: Path) -> None:
    with sql_errors(), duckdb.connect(str(path)) as database:
        for name in view_names(run.config):
            reader = run.sql(f"SELECT * FROM {name}").to_arrow_reader(16_384)
            database.register("incoming", reader)
            database.execute(f'CREATE TABLE "{name}" AS SELECT * FROM incoming')
            database.unregister("incoming")
        database.execute("CREATE MACRO key_text(doc) AS (doc >> 32)::VARCHAR || ':' || (doc & 4294967295)::VARCHAR")
        database.execute(f"COMMENT ON TABLE documents IS {quoted('made by midmix db')}")
