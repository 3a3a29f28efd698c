"""Documents in rows: which go together, what fills a row up, and the order of rows."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.mixer.plan import best_fit
from midmix.mixer.plan.best_fit import PADDING, count_rows, pack, run_blocks


def rows_of(runs: np.ndarray, row_tokens: int) -> list[list[tuple[int, int, int]]]:
    """Runs by row, rows and runs sorted: their order is the generator's."""
    row_of = (np.cumsum(runs[:, 2]) - 1) // row_tokens
    return sorted(sorted(tuple(run) for run in runs[row_of == row].tolist()) for row in np.unique(row_of))


def test_documents_go_where_the_least_room_is_left() -> None:
    # 7 and 5 open rows of 8; 3 goes beside 5, not into a row of its own; 2 finds no room beside 7 and 5 + 3.
    runs = pack(np.array([5, 2, 7, 3]), 8, np.random.default_rng(1))
    assert rows_of(runs, 8) == [
        [(-1, 0, 1), (2, 0, 7)],
        [(-1, 0, 6), (1, 0, 2)],
        [(0, 0, 5), (3, 0, 3)],
    ]


def test_a_longer_document_is_cut_at_whole_rows_and_its_rest_packed() -> None:
    runs = pack(np.array([19, 5, 8]), 8, np.random.default_rng(1))
    assert rows_of(runs, 8) == [[(0, 0, 8)], [(0, 8, 8)], [(0, 16, 3), (1, 0, 5)], [(2, 0, 8)]]


def test_rows_and_documents_in_a_row_come_in_the_order_of_the_generator() -> None:
    lengths = np.full(200, 4)
    orders = [pack(lengths, 8, np.random.default_rng(seed))[:, 0].tolist() for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == list(range(200)) != orders[0]


def test_a_lone_token_comes_first_and_padding_last() -> None:
    for seed in range(20):
        runs = pack(np.array([1, 4]), 8, np.random.default_rng(seed))
        assert runs.tolist() == [[0, 0, 1], [1, 0, 4], [PADDING, 0, 3]]


def test_rows_are_counted_without_packing() -> None:
    assert count_rows(np.array([5, 2, 7, 3]), 8) == 3
    assert count_rows(np.array([19, 5, 8]), 8) == 4
    # Two of 13 leave 7 twice in rows of 20; both of 3 go into one of them, so that one of four 2s finds no room.
    assert count_rows(np.array([13, 13, 3, 3, 2, 2, 2, 2]), 20) == 3
    # Seven of 3: two fit a row of 8, so four rows.
    assert count_rows(np.array([3] * 7), 8) == 4


def test_runs_come_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best_fit, "BLOCK_TOKENS", 8)
    sizes = np.array([4, 4, 1, 20, 3])
    assert [sizes[part].tolist() for part in run_blocks(sizes)] == [[4, 4], [1, 20], [3]]
    assert [sizes[:2][part].tolist() for part in run_blocks(sizes[:2])] == [[4, 4]]
