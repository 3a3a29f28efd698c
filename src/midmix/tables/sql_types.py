"""What DuckDB calls the types of our columns."""

from __future__ import annotations

import pyarrow as pa

_SQL_TYPES = {
    "uint64": "UBIGINT", "int64": "BIGINT", "int32": "INTEGER", "int16": "SMALLINT", "int8": "TINYINT",
    "double": "DOUBLE", "float": "FLOAT", "bool": "BOOLEAN",
    "string": "VARCHAR", "large_string": "VARCHAR", "fixed_size_binary[16]": "BLOB",
    "list<item: string>": "VARCHAR[]", "list<item: int64>": "BIGINT[]", "list<item: float>": "FLOAT[]",
}  # fmt: skip


def sql_type(dtype: pa.DataType) -> str:
    """The DuckDB type of a column."""
    return _SQL_TYPES[str(dtype)]


def sql_null(field: pa.Field) -> str:
    """SQL of a column that is NULL in every row, with its type and name."""
    return f'CAST(NULL AS {sql_type(field.type)}) AS "{field.name}"'
