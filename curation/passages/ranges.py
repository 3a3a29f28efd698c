"""Rows of several sorted files by range of their first column, so that no task holds more than its range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_LOWEST, _ABOVE = -(2**63), 2**63


def even_ranges(num_rows: int, bytes_per_row: int, memory_bytes: int) -> list[tuple[int, int]]:
    """Ranges [low, high) of evenly spread int64 values, so many that the rows of one fit into the memory."""
    count = max(1, math.ceil(num_rows * bytes_per_row / memory_bytes))
    bounds = [_LOWEST + (_ABOVE - _LOWEST) * i // count for i in range(count + 1)]
    return list(pairwise(bounds))


def read_range(files: Sequence[Path], schema: pa.Schema, low: int, high: int) -> pa.Table:
    """Rows with low <= first column < high of files sorted by it; other row groups are not read."""
    tables = [schema.empty_table()]
    for path in files:
        with pq.ParquetFile(path) as file:
            groups = [g for g in range(file.num_row_groups) if _overlaps(file.metadata, g, low, high)]
            if groups:
                rows = file.read_row_groups(groups, columns=schema.names, use_threads=False)
                first = rows.column(0)
                inside = pc.greater_equal(first, low)
                if high < _ABOVE:
                    inside = pc.and_(inside, pc.less(first, high))
                tables.append(rows.filter(inside).cast(schema))
    return pa.concat_tables(tables)


def _overlaps(metadata: pq.FileMetaData, group: int, low: int, high: int) -> bool:
    """Whether a row group may hold values of the range; one without statistics may."""
    found = metadata.row_group(group).column(0).statistics
    return found is None or not found.has_min_max or (found.min < high and found.max >= low)
