"""Query results for people and programs: table, csv, json or parquet.

Keys come out as part:row and hashes as hexadecimal; in csv, lists and structs are JSON.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from typing import IO, Any, Literal

import duckdb
import pyarrow as pa

from midmix.curation.ingest.values import distinct_names, to_json
from midmix.query import sql_errors
from midmix.tables import KEY, format_key

Format = Literal["table", "csv", "json", "parquet"]
BATCH_ROWS = 4096
MAX_TABLE_ROWS = 200
MAX_CELL_CHARS = 80


def write_result(relation: duckdb.DuckDBPyRelation, form: Format, stream: IO[Any] | None = None) -> None:
    """Write a query's result to standard output, batch by batch: memory does not grow with the result."""
    if form == "parquet":
        _parquet(relation, (stream or sys.stdout.buffer))
    elif form == "csv":
        _csv(relation, stream or sys.stdout)
    elif form == "json":
        _json(relation, stream or sys.stdout)
    else:
        _table(relation)


def readable(value: Any, dtype: pa.DataType) -> Any:
    """A value as it is shown: keys part:row, bytes hexadecimal, nested values likewise."""
    if value is None:
        return None
    if dtype == KEY:
        return format_key(value)
    if isinstance(value, bytes):
        return value.hex()
    if pa.types.is_list(dtype) or pa.types.is_large_list(dtype):
        return [readable(v, dtype.value_type) for v in value]
    if pa.types.is_struct(dtype):
        return {f.name: readable(value[f.name], f.type) for f in dtype}
    if pa.types.is_decimal(dtype) and dtype.scale == 0:  # what DuckDB makes of a sum of integers
        return int(value)
    return value


def rows_of(relation: duckdb.DuckDBPyRelation) -> Iterator[dict[str, Any]]:
    """Rows as dictionaries of readable values; of columns of one name the second is name_1, and so on."""
    names = distinct_names(relation.columns)
    for values in _rows(relation):
        yield dict(zip(names, values, strict=True))


def _rows(relation: duckdb.DuckDBPyRelation) -> Iterator[tuple[Any, ...]]:
    with sql_errors():
        for batch in _batches(relation):
            columns = [[readable(v, f.type) for v in batch.column(i).to_pylist()] for i, f in enumerate(batch.schema)]
            yield from zip(*columns, strict=True)


def _batches(relation: duckdb.DuckDBPyRelation) -> pa.RecordBatchReader:
    reader: pa.RecordBatchReader = relation.to_arrow_reader(BATCH_ROWS)
    return reader


def _csv(relation: duckdb.DuckDBPyRelation, stream: IO[str]) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(relation.columns)
    for values in _rows(relation):
        writer.writerow([to_json(v) if isinstance(v, list | dict | bool) else "" if v is None else v for v in values])


def _json(relation: duckdb.DuckDBPyRelation, stream: IO[str]) -> None:
    for row in rows_of(relation):
        stream.write(to_json(row) + "\n")


def _parquet(relation: duckdb.DuckDBPyRelation, stream: IO[bytes]) -> None:
    import pyarrow.parquet as pq

    with sql_errors():
        reader = _batches(relation)
        with pq.ParquetWriter(pa.PythonFile(stream, "w"), reader.schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch)


def _table(relation: duckdb.DuckDBPyRelation) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 10_000)
    table = Table(show_edge=False)
    for name, dtype in zip(relation.columns, relation.types, strict=True):
        numeric = str(dtype).endswith("INT") or str(dtype) in ("DOUBLE", "FLOAT", "INTEGER")
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    more = False
    for number, values in enumerate(_rows(relation)):
        if number == MAX_TABLE_ROWS:
            more = True
            break
        table.add_row(*(Text(_cell(v)) for v in values))
    console.print(table)
    if more:
        console.print(f"first {MAX_TABLE_ROWS} rows; --format csv, json or parquet writes all")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = (
        f"{value:.6g}"
        if isinstance(value, float)
        else to_json(value)
        if isinstance(value, list | dict | bool)
        else str(value)
    )
    return text if len(text) <= MAX_CELL_CHARS else text[: MAX_CELL_CHARS - 1] + "…"
