"""Cutting files into parts, from the footers alone. Ids go up in the config's order and are never used twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from midmix.errors import InputError
from midmix.parts import BYTE_TYPES, open_parquet

Row = dict[str, Any]
TEXT_TYPES = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, *BYTE_TYPES)


@dataclass(frozen=True)
class Cut:
    """A run of row groups."""

    first_row_group: int
    num_row_groups: int
    first_row: int
    rows: int
    text_bytes: int


def cut_file(location: str, text_column: str, part_bytes: int) -> list[Cut]:
    """The parts of a parquet file. Raises InputError when it cannot be read or has no text column."""
    with open_parquet(location) as file:
        _check_text_column(file.schema_arrow, text_column)
        column = file.schema_arrow.get_field_index(text_column)
        return list(_cuts(file.metadata, _leaf_of(file, column), part_bytes))


def _check_text_column(schema: pa.Schema, name: str) -> None:
    if name not in schema.names:
        raise InputError(f"no column '{name}'; it has {', '.join(schema.names[:12]) or 'none'}")
    if schema.names.count(name) > 1:
        raise InputError(f"{schema.names.count(name)} columns are named '{name}'; name one of them otherwise")
    kind = schema.field(name).type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not any(is_text(kind) for is_text in TEXT_TYPES):
        raise InputError(f"column '{name}' is {kind}, expected a string")


def _leaf_of(file: pq.ParquetFile, field: int) -> int:
    """Index of a top-level field's column chunk: nested fields before it have several."""
    name = file.schema_arrow.names[field]
    return next(i for i in range(file.metadata.num_columns) if file.metadata.schema.column(i).path == name)


def _cuts(metadata: pq.FileMetaData, column: int, part_bytes: int) -> Iterator[Cut]:
    first = first_row = rows = size = 0
    for group in range(metadata.num_row_groups):
        more = metadata.row_group(group)
        num_bytes = more.column(column).total_uncompressed_size
        if group > first and size + num_bytes > part_bytes:
            yield Cut(first, group - first, first_row, rows, size)
            first, first_row, rows, size = group, first_row + rows, 0, 0
        rows, size = rows + more.num_rows, size + num_bytes
    if metadata.num_row_groups > first:
        yield Cut(first, metadata.num_row_groups - first, first_row, rows, size)
