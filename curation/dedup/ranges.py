"""Exchange by ranges: files that are sorted by their first column, read by range of it.

Who writes sorts; who reduces a range reads it from every file, decoding the row groups that overlap it alone. So any
number of tasks, on any machines, share work that no one of them could hold, and the result does not depend on how
many ranges there are.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from midmix.curation.dedup.radix import sorted_distinct
from midmix.table_files import ROWS_PER_GROUP

Columns = tuple[npt.NDArray[Any], ...]

# Bytes that a record takes while its range is sorted and reduced.
_RECORD_BYTES = 64
# Records of a block: small enough for the caches, and for machines with many small parts.
_BLOCK_RECORDS = 1 << 17
# Files that one reader keeps open.
_MOST_OPEN = 256


@dataclass(frozen=True)
class Range:
    """Whole numbers from `low` to `high`, end exclusive."""

    low: int
    high: int

    def cut(self, count: int) -> list[Range]:
        """The same in `count` ranges of about equal width, fewer where it is not wide enough."""
        width = self.high - self.low
        bounds = sorted({self.low + width * i // count for i in range(count + 1)})
        return [Range(low, high) for low, high in itertools.pairwise(bounds)]


def hash_range(bits: int) -> Range:
    """All signed whole numbers of so many bits."""
    return Range(-(1 << bits - 1), 1 << bits - 1)


def task_ranges(bits: int, rows: int, memory_bytes: int) -> list[Range]:
    """Ranges of hashes of so many bits for tasks that share `rows` records, so that each takes no more than its memory."""
    return hash_range(bits).cut(max(1, -(-rows * _RECORD_BYTES // (memory_bytes // 2))))


def hash_blocks(wanted: Range, bits: int, rows: int, files: int, memory_bytes: int) -> list[Range]:
    """Successive blocks of a task's range of hashes; `rows` are those of all files, over all hashes.

    Blocks are small, but where memory allows they hold a row group of every file, or most of what is decoded would be
    left aside. A block takes an eighth of the memory at most: pairs that were found take more.
    """
    share = rows * (wanted.high - wanted.low) >> bits
    most = min(max(_BLOCK_RECORDS, files * ROWS_PER_GROUP), memory_bytes // 8 // _RECORD_BYTES)
    return wanted.cut(max(1, -(-share // most)))


class SortedFile:
    """A parquet file sorted by its first column, which holds whole numbers without NULLs."""

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path, memory_map=True)
        self._groups = self._file.metadata.num_row_groups

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def rows_in(self, wanted: Range) -> int:
        """Rows of the row groups that overlap the range: no less than the rows in it."""
        metadata = self._file.metadata
        return sum(metadata.row_group(i).num_rows for i in self._overlapping(wanted))

    def read(self, wanted: Range, columns: Sequence[str]) -> Columns:
        """These columns of the rows in the range, the first column first, in their order."""
        groups = self._overlapping(wanted)
        table = self._file.read_row_groups(list(groups), columns=list(columns), use_threads=False)
        arrays = tuple(_as_array(table.column(name)) for name in columns)
        first, last = np.searchsorted(arrays[0], np.array([wanted.low, wanted.high - 1]))
        last += np.searchsorted(arrays[0][last:], wanted.high - 1, side="right")
        return arrays if first == 0 and last == len(arrays[0]) else tuple(a[first:last] for a in arrays)

    def _overlapping(self, wanted: Range) -> range:
        first = bisect.bisect_left(range(self._groups), wanted.low, key=self._least)
        last = bisect.bisect_left(range(self._groups), wanted.high, key=self._least)
        return range(max(0, first - 1), last)

    def _least(self, group: int) -> int:
        value: int = self._file.metadata.row_group(group).column(0).statistics.min
        return value


def _as_array(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = column.chunk(0).to_numpy() if column.num_chunks == 1 else column.to_numpy()
    return array


class SortedFiles:
    """Several sorted files; few enough stay open from one range to the next."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._open: dict[Path, SortedFile] = {}

    def __enter__(self) -> SortedFiles:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._open.values():
            file.close()

    def read(self, wanted: Range, columns: Sequence[str]) -> Columns:
        """The rows in a range, file after file; each run of them is sorted."""
        found = list(self.read_each(wanted, columns))
        if not found:
            return tuple(np.zeros(0, np.int64) for _ in columns)
        return found[0] if len(found) == 1 else tuple(np.concatenate(parts) for parts in zip(*found, strict=True))

    def read_each(self, wanted: Range, columns: Sequence[str]) -> Iterator[Columns]:
        """The rows in a range of each file."""
        return (file.read(wanted, columns) for file in self._files())

    def rows_in(self, wanted: Range) -> int:
        """No less than the rows in a range."""
        return sum(file.rows_in(wanted) for file in self._files())

    def _files(self) -> Iterator[SortedFile]:
        for path in self._paths:
            if path in self._open:
                yield self._open[path]
                continue
            file = SortedFile(path)
            if len(self._paths) <= _MOST_OPEN:
                self._open[path] = file
            yield file
            if path not in self._open:
                file.close()


def read_range(paths: Sequence[Path], wanted: Range, columns: Sequence[str]) -> Columns:
    """The rows in a range of several sorted files, file after file; each run of them is sorted."""
    with SortedFiles(paths) as files:
        return files.read(wanted, columns)


def row_blocks(wanted: Range, rows: int, files: int, most_rows: int) -> list[Range]:
    """Successive blocks that make up `wanted`, of no more rows than that, and no more than blocks of hashes have."""
    return wanted.cut(max(1, -(-rows // min(most_rows, max(2 * _BLOCK_RECORDS, files * ROWS_PER_GROUP)))))


def repeated(keys: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(places of the keys that stand twice and more, in the order of keys; their keys).

    `keys` is made of sorted runs, which sorting takes advantage of.
    """
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    same = np.empty(len(keys) + 1, np.bool_)
    same[0] = same[-1] = False
    np.equal(ordered[1:], ordered[:-1], out=same[1:-1])
    chosen = np.flatnonzero(same[1:] | same[:-1])
    return order[chosen], ordered[chosen]


def starts_of_equals(*columns: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """For every row of sorted columns the first row that equals it in all of them: int64 [n]."""
    count = len(columns[0])
    opens = np.zeros(count, np.bool_)
    opens[:1] = True
    for column in columns:
        opens[1:] |= column[1:] != column[:-1]
    return np.maximum.accumulate(np.where(opens, np.arange(count), 0))


def unique_pairs(
    later: npt.NDArray[np.int64], earlier: npt.NDArray[np.int64], count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Each pair of ordinals below `count` once, in the order of (later, earlier)."""
    if count < 1 << 31:
        ids = sorted_distinct(later * count + earlier)
        first, second = np.divmod(ids, max(1, count))
        return first, second
    order = np.lexsort((earlier, later))
    later, earlier = later[order], earlier[order]
    kept = np.ones(len(order), np.bool_)
    kept[1:] = (later[1:] != later[:-1]) | (earlier[1:] != earlier[:-1])
    return later[kept], earlier[kept]
