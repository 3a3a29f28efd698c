"""Records on disk that are written in any order and read back range by range, sorted: memory never holds them all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

# Bytes that sorting takes per byte of a range: the records, the order of them, and the sorted copy.
_PEAK = 4
_MOST_RANGES = 2**16 - 1


def _sorting(records: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The order of records by all fields: by the first at once, which is fast, then only rows that tie in it."""
    first, *others = (np.ascontiguousarray(records[name]) for name in records.dtype.names or ())
    order = np.argsort(first)
    same = first[order[1:]] == first[order[:-1]]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same)) if len(order) else order
    among = order[tied]
    order[tied] = among[np.lexsort([*(field[among] for field in reversed(others)), first[among]])]
    return order


class Exchange:
    """A file of records of one dtype. Write with `append`, then read once with `sorted_ranges`.

    `bound` is a number above every value of the first field; values are expected to be spread evenly below it.
    """

    def __init__(self, path: Path, dtype: npt.DTypeLike, bound: int, memory_bytes: int) -> None:
        self.path, self.dtype, self.bound = path, np.dtype(dtype), bound
        self._memory_bytes = memory_bytes
        self._count = 0
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
        """Records sorted by all fields in order, in successive ranges of the first field; the file is used up."""
        paths = self._split()
        for path in paths:
            records = np.fromfile(path, self.dtype)
            path.unlink()
            yield records[_sorting(records)]

    def _split(self) -> list[Path]:
        ranges = min(-(-self._count * self.dtype.itemsize * _PEAK // self._memory_bytes), _MOST_RANGES)
        if ranges <= 1:
            return [self.path]
        width = np.uint64(-(-self.bound // ranges))
        paths = [self.path.with_name(f"{self.path.name}-{i}") for i in range(ranges)]
        first = (self.dtype.names or ("",))[0]
        rows = max(1, self._memory_bytes // (self.dtype.itemsize * _PEAK))
        with self.path.open("rb") as file:
            while len(records := np.fromfile(file, self.dtype, rows)):
                which = (records[first].astype(np.uint64) // width).astype(np.uint16)  # numpy sorts 16 bits by radix
                order = np.argsort(which, kind="stable")
                limits = np.searchsorted(which[order], np.arange(ranges + 1))
                for i in np.flatnonzero(np.diff(limits)):
                    with paths[i].open("ab") as target:
                        records[order[limits[i] : limits[i + 1]]].tofile(target)
        self.path.unlink()
        return [path for path in paths if path.exists()]


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
