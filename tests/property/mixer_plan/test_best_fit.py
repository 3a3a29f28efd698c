"""Best-fit packing against its definition carried out one document at a time, and what must hold of any rows."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from midmix.mixer.plan.best_fit import PADDING, count_rows, pack

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=40)
ROW_TOKENS = st.integers(1, 24)


def naive_rooms(lengths: list[int], row_tokens: int) -> list[int]:
    """What is left of every row when each run, the longest first, goes into the row with the least room that holds it."""
    runs = [min(row_tokens, length - first) for length in lengths for first in range(0, length, row_tokens)]
    rooms: list[int] = []
    for run in sorted(runs, reverse=True):
        fitting = [(room, row) for row, room in enumerate(rooms) if room >= run]
        if fitting:
            rooms[min(fitting)[1]] -= run
        else:
            rooms.append(row_tokens - run)
    return sorted(rooms)


@given(LENGTHS, ROW_TOKENS, st.integers(0, 2**32))
@example([13, 13, 3, 3, 2, 2, 2, 2], 20, 0)
def test_rows_are_those_of_best_fit_decreasing(lengths: list[int], row_tokens: int, seed: int) -> None:
    documents, firsts, sizes = pack(np.array(lengths), row_tokens, np.random.default_rng(seed)).T
    ends = np.cumsum(sizes)
    rows = int(ends[-1]) // row_tokens
    row_of = (ends - 1) // row_tokens
    assert np.array_equal(np.bincount(row_of, sizes), np.full(rows, row_tokens))
    assert count_rows(np.array(lengths), row_tokens) == rows
    filling = documents == PADDING
    rooms = np.zeros(rows, int)
    rooms[row_of[filling]] = sizes[filling]
    assert sorted(rooms.tolist()) == naive_rooms(lengths, row_tokens)
    # Padding ends its row; every document stands there once, from its first token to its last, cut at whole rows alone.
    assert np.all(ends[filling] % row_tokens == 0)
    runs = sorted(zip(documents[~filling].tolist(), firsts[~filling].tolist(), sizes[~filling].tolist(), strict=True))
    assert runs == [
        (document, first, min(row_tokens, length - first))
        for document, length in enumerate(lengths)
        for first in range(0, length, row_tokens)
    ]


@given(LENGTHS, ROW_TOKENS, st.integers(0, 2**32))
def test_rows_are_the_same_for_the_same_seed(lengths: list[int], row_tokens: int, seed: int) -> None:
    first, again = (pack(np.array(lengths), row_tokens, np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(first, again)
