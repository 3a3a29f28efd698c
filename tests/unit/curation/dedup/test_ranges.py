"""Ranges of sorted files hold what a filter over everything would keep, and make up the whole."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from midmix.curation.dedup import ranges
from midmix.curation.dedup.ranges import Range, hash_blocks, hash_range, read_range, repeated, task_ranges, unique_pairs
from midmix.table_files import write_table
from midmix.tables import BANDS

LEAST, MOST = -(2**55), 2**55 - 1


def write_runs(folder: Path, runs: list[np.ndarray]) -> list[Path]:
    paths = []
    for number, keys in enumerate(runs):
        rows = np.arange(len(keys), dtype=np.int32)
        table = pa.Table.from_arrays([pa.array(keys), pa.array(rows)], schema=BANDS.schema())
        entry = write_table(folder, BANDS, table, stem=f"p{number}")
        paths.append(folder / entry.path)
    return paths


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[np.ndarray], list[Path]]:
    rng = np.random.default_rng(1)
    many = np.sort(rng.integers(LEAST, MOST, 40_000, endpoint=True))
    many[:3], many[-2:] = LEAST, MOST
    crowd = np.sort(np.concatenate([np.full(50_000, 7), rng.integers(-50, 50, 2000)]))
    keys = [many, crowd, np.zeros(0, np.int64), np.array([5])]
    return keys, write_runs(tmp_path_factory.mktemp("runs"), keys)


@pytest.mark.parametrize(
    ("low", "high"),
    [(LEAST, MOST + 1), (7, 8), (-50, 7), (8, 50), (LEAST, LEAST + 1), (MOST, MOST + 1), (10**15, 10**16), (60, 61)],
)
def test_a_range_is_what_a_filter_keeps(runs: tuple[list[np.ndarray], list[Path]], low: int, high: int) -> None:
    keys, paths = runs
    found, rows = read_range(paths, Range(low, high), ["band", "row"])
    chosen = [np.flatnonzero((k >= low) & (k < high)) for k in keys]
    assert found.tolist() == np.concatenate([k[c] for k, c in zip(keys, chosen, strict=True)]).tolist()
    assert rows.tolist() == np.concatenate(chosen).tolist()


def test_only_row_groups_that_overlap_are_decoded(runs: tuple[list[np.ndarray], list[Path]]) -> None:
    keys, paths = runs
    with ranges.SortedFiles(paths[:1]) as file:
        middle = int(keys[0][20_000])
        assert file.rows_in(Range(middle, middle + 1)) <= 2 * ranges.ROWS_PER_GROUP
        assert file.rows_in(Range(LEAST, MOST + 1)) == 40_000
    with ranges.SortedFiles(paths[1:2]) as file:
        assert file.rows_in(Range(60, 70)) <= ranges.ROWS_PER_GROUP


@pytest.mark.parametrize("rows", [0, 10, 10**9, 10**10])
def test_tasks_and_blocks_make_up_all_hashes(rows: int) -> None:
    tasks = task_ranges(56, rows, 1 << 26)
    assert (tasks[0].low, tasks[-1].high) == (LEAST, MOST + 1)
    assert all(one.high == two.low for one, two in itertools.pairwise(tasks))
    assert len(tasks) >= rows * 64 / 2**26
    blocks = hash_blocks(tasks[0], 56, rows, 100, 1 << 26)
    assert rows / len(tasks) / len(blocks) * 64 <= 2**26 / 8, "a block takes an eighth of the memory at most"
    assert (blocks[0].low, blocks[-1].high) == (tasks[0].low, tasks[0].high)
    assert all(one.high == two.low for one, two in itertools.pairwise(blocks))


def test_a_range_is_cut_no_finer_than_numbers() -> None:
    assert Range(3, 5).cut(10) == [Range(3, 4), Range(4, 5)]
    assert Range(3, 3).cut(4) == []
    assert hash_range(8) == Range(-128, 128)


def test_repeated_and_unique_pairs() -> None:
    chosen, keys = repeated(np.array([1, 4, 9, 1, 4, 7, 4]))
    assert (chosen.tolist(), keys.tolist()) == ([0, 3, 1, 4, 6], [1, 1, 4, 4, 4])
    later, earlier = np.array([5, 2, 5, 5]), np.array([1, 0, 1, 3])
    for count in (6, 1 << 40):
        assert [side.tolist() for side in unique_pairs(later, earlier, count)] == [[2, 5, 5], [0, 1, 3]]


def test_packed_columns_take_the_bits_of_their_differences(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    keys = np.sort(rng.integers(LEAST, MOST, 100_000))
    rows = rng.integers(0, 20_000, 100_000).astype(np.int32)
    table = pa.Table.from_arrays([pa.array(keys), pa.array(rows)], schema=BANDS.schema())
    entry = write_table(tmp_path, BANDS, table, stem="x", part=0)
    assert entry.bytes < 7.5 * 100_000
    assert pq.read_table(tmp_path / entry.path).equals(table)
