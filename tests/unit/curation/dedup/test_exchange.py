"""Records come back sorted and complete, however little memory a range may take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from midmix.curation.dedup.exchange import Workspace

RECORD = np.dtype([("key", np.uint64), ("value", np.int64), ("mark", np.uint8)])


@pytest.mark.parametrize(("memory_bytes", "ranges"), [(1 << 30, 1), (20_000, 17), (400, 240)])
@pytest.mark.parametrize("bound", [2**64, 250])
def test_sorted_and_complete(tmp_path: Path, memory_bytes: int, ranges: int, bound: int) -> None:
    rng = np.random.default_rng(3)
    keys = rng.integers(0, bound, 5000, dtype=np.uint64)
    values = rng.integers(0, 10, 5000)
    marks = rng.integers(0, 2, 5000, dtype=np.uint8)
    exchange = Workspace(tmp_path, memory_bytes).exchange("x", RECORD, bound)
    for first in range(0, 5000, 700):
        exchange.append(keys[first : first + 700], values[first : first + 700], marks[first : first + 700])
    found = list(exchange.sorted_ranges())
    order = np.lexsort([marks, values, keys])
    assert len(found) >= ranges
    for name, column in (("key", keys), ("value", values), ("mark", marks)):
        assert np.concatenate([f[name] for f in found]).tolist() == column[order].tolist()
    assert not any(tmp_path.iterdir())


def test_one_crowded_value_is_cut_by_the_next_field(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    keys = np.where(rng.random(3000) < 0.8, 77, rng.integers(0, 200, 3000)).astype(np.uint64)
    values = np.where(keys == 77, rng.permutation(3000), 5)
    marks = np.zeros(3000, np.uint8)
    exchange = Workspace(tmp_path, 2000).exchange("x", RECORD, 200)
    exchange.append(keys, values, marks)
    found = list(exchange.sorted_ranges())
    assert max(map(len, found)) * RECORD.itemsize * 4 <= 2000
    whole = np.concatenate(found)
    order = np.lexsort([values, keys])
    assert (whole["key"].tolist(), whole["value"].tolist()) == (keys[order].tolist(), values[order].tolist())
    assert not any(tmp_path.iterdir())


def test_nothing(tmp_path: Path) -> None:
    exchange = Workspace(tmp_path, 1000).exchange("x", RECORD, 0)
    assert [len(found) for found in exchange.sorted_ranges()] == [0]


def test_an_array_on_disk_starts_with_zeros(tmp_path: Path) -> None:
    work = Workspace(tmp_path, 1000)
    assert work.array("a", np.int32, 3).tolist() == [0, 0, 0]
    assert work.array("b", np.int32, 0).tolist() == []
