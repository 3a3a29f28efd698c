"""Records on disk that are written in any order and read back range by range, sorted: memory never holds them all."""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from midmix.task import Task

# Bytes that sorting takes per byte of a range: the records, the order of them, and the sorted copy.
_PEAK = 4
# Ranges beyond those needed if they were all equal: a range that is too big is cut again, which takes another pass.
_SLACK = 1.25
_MOST_RANGES = 2**16 - 1


def _sorting(records: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The order of records by all fields: by the first at once, which is fast, then only rows that tie in it."""
    first, *others = (np.ascontiguousarray(records[name]) for name in records.dtype.names or ())
    order = np.argsort(first)
    if not others:
        return order
    same = first[order[1:]] == first[order[:-1]]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same)) if len(order) else order
    among = order[tied]
    order[tied] = among[np.lexsort([*(field[among] for field in reversed(others)), first[among]])]
    return order


class Exchange:
    """A file of records of one dtype. Write with `append`, then read once with `sorted_ranges`.

    `bound` is a number above every value of the first field. Whole numbers are 0 or more.
    """

    def __init__(self, path: Path, dtype: npt.DTypeLike, bound: int, memory_bytes: int) -> None:
        self.path, self.dtype, self.bound = path, np.dtype(dtype), bound
        self._memory_bytes = memory_bytes
        self._count = 0
        self._numbers = itertools.count()
        path.touch()

    def append(self, *columns: npt.NDArray[Any]) -> None:
        """Add records, given as one array per field."""
        records = np.empty(len(columns[0]), self.dtype)
        for name, column in zip(self.dtype.names or (), columns, strict=True):
            records[name] = column
        self._count += len(records)
        with self.path.open("ab") as file:
            records.tofile(file)

    def sorted_ranges(self) -> Iterator[npt.NDArray[Any]]:
        """Records sorted by all fields in order, in successive ranges; the file is used up.

        Records of one first value come in one range unless they alone are too many for memory.
        """
        for path in self._split(self.path, self._count, 0, (0, self.bound)):
            records = np.fromfile(path, self.dtype)
            path.unlink()
            yield records[_sorting(records)]

    def _split(self, path: Path, count: int, field: int, extent: tuple[int, int] | None = None) -> Iterator[Path]:
        """Files of successive ranges of a field, or where its values are all one of the field after it.

        `extent` is where they lie, from and below, if that is known.
        """
        names = self.dtype.names or ()
        times_memory = count * self.dtype.itemsize * _PEAK / self._memory_bytes
        if times_memory <= 1:
            yield path
            return
        low, high = extent or self._extent(path, names[field])
        if high - low > 1:
            ranges = min(math.ceil(_SLACK * times_memory), _MOST_RANGES)
            for part, rows in self._scatter(path, names[field], low, -(-(high - low) // ranges), ranges):
                yield from self._split(part, rows, field)
        elif field + 1 < len(names) and self.dtype[field + 1].kind in "iu":
            yield from self._split(path, count, field + 1)
        else:
            yield path

    def _scatter(self, path: Path, name: str, low: int, width: int, ranges: int) -> list[tuple[Path, int]]:
        """Cut a file into ranges of `width` of a field from `low` on: file and records of each that has any."""
        paths = [self.path.with_name(f"{self.path.name}-{next(self._numbers)}") for _ in range(ranges)]
        rows = np.zeros(ranges, np.int64)
        for records in self._blocks(path):
            which = ((records[name].astype(np.uint64) - np.uint64(low)) // np.uint64(width)).astype(np.uint16)
            order = np.argsort(which, kind="stable")  # numpy sorts 16 bits by radix
            limits = np.searchsorted(which[order], np.arange(ranges + 1))
            for i in np.flatnonzero(np.diff(limits)):
                with paths[i].open("ab") as target:
                    records[order[limits[i] : limits[i + 1]]].tofile(target)
            rows += np.diff(limits)
        path.unlink()
        return [(paths[i], int(rows[i])) for i in np.flatnonzero(rows)]

    def _extent(self, path: Path, name: str) -> tuple[int, int]:
        """Least value of a field, and one above the greatest."""
        found = [(int(some[name].min()), int(some[name].max())) for some in self._blocks(path)]
        return min(low for low, _ in found), 1 + max(high for _, high in found)

    def _blocks(self, path: Path) -> Iterator[npt.NDArray[Any]]:
        rows = max(1, self._memory_bytes // (self.dtype.itemsize * _PEAK))
        with path.open("rb") as file:
            while len(records := np.fromfile(file, self.dtype, rows)):
                yield records


@dataclass(frozen=True)
class Workspace:
    """A scratch folder, and the memory that one range of records may take."""

    folder: Path
    memory_bytes: int

    def exchange(self, name: str, dtype: npt.DTypeLike, bound: int) -> Exchange:
        """An empty exchange; `bound` as in Exchange."""
        return Exchange(self.folder / name, dtype, bound, self.memory_bytes)

    def array(self, name: str, dtype: npt.DTypeLike, count: int) -> npt.NDArray[Any]:
        """Zeros [count] in a file that the system pages in and out as needed."""
        if count == 0:
            return np.zeros(0, dtype)
        return np.asarray(np.memmap(self.folder / name, dtype, "w+", shape=(count,)))


@contextmanager
def scratch_space(task: Task) -> Iterator[Workspace]:
    """A workspace of a task's own that goes when it ends; records may take a quarter of its memory."""
    task.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dedup-", dir=task.scratch) as name:
        yield Workspace(Path(name), task.memory_bytes // 4)
