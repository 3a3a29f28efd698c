"""A run as one DuckDB file, for other tools. midmix itself never reads it."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from midmix.query import quoted, view_names
from midmix.run import Run


def write_database(run: Run, destination: Path) -> Path:
    """Write every view as a table into `destination`, under a temporary name first."""
    temporary = destination.with_name(f".{destination.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    with duckdb.connect(str(temporary)) as database:
        for name in view_names(run.config):
            reader = run.sql(f"SELECT * FROM {name}").to_arrow_reader(16_384)
            database.register("incoming", reader)
            database.execute(f'CREATE TABLE "{name}" AS SELECT * FROM incoming')
            database.unregister("incoming")
        database.execute("CREATE MACRO key_text(doc) AS (doc >> 32)::VARCHAR || ':' || (doc & 4294967295)::VARCHAR")
        database.execute(f"COMMENT ON TABLE documents IS {quoted('made by midmix db')}")
    os.replace(temporary, destination)
    return destination
