"""The kernels of best-fit packing: the row of every run, and how many rows so many runs make."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from midmix.jit import njit


@njit
def _mark(tree: npt.NDArray[np.uint8], room: int, there: int) -> None:
    """Note whether there are rows with so much room, in a binary tree whose leaves are the rooms."""
    node = len(tree) // 2 + room
    tree[node] = there
    while node > 1:
        node //= 2
        tree[node] = tree[2 * node] | tree[2 * node + 1]


@njit
def _least(tree: npt.NDArray[np.uint8], room: int) -> int:
    """The least room of any row that is `room` or more; 0 where there is none."""
    leaves = len(tree) // 2
    node = leaves + room
    while not tree[node]:
        while node % 2:  # a right child: what is more lies beside one of its parents
            node //= 2
        if node == 0:
            return 0
        node += 1
    while node < leaves:
        node = 2 * node if tree[2 * node] else 2 * node + 1
    return int(node - leaves)


@njit
def place(sizes: npt.NDArray[np.int64], row_tokens: int, leaves: int, row_of: npt.NDArray[np.int64]) -> int:
    """Fill the row of every run, `sizes` falling; returns how many rows there are."""
    tree = np.zeros(2 * leaves, np.uint8)
    # Rows of equal room form a stack: the last one by room, and the one below each.
    top = np.full(row_tokens + 1, -1, np.int64)
    below = np.empty(len(sizes), np.int64)
    rows = 0
    for run in range(len(sizes)):
        size = sizes[run]
        room = _least(tree, size)
        if room:
            row = top[room]
            top[room] = below[row]
            if top[room] < 0:
                _mark(tree, room, 0)
        else:
            row, room = rows, row_tokens
            rows += 1
        row_of[run] = row
        left = room - size
        if left:
            below[row] = top[left]
            top[left] = row
            _mark(tree, left, 1)
    return rows


@njit
def count(counts: npt.NDArray[np.int64], leaves: int) -> int:
    """Rows that `place` makes of counts[n] runs of n tokens, n below the length of a row, many at a time."""
    row_tokens = len(counts)
    tree = np.zeros(2 * leaves, np.uint8)
    rows_with = np.zeros(row_tokens + 1, np.int64)
    rows = 0
    for size in range(row_tokens - 1, 0, -1):
        left = counts[size]
        while left:
            room = _least(tree, size)
            # A row takes runs of this size until none fits: after each, it is the one with the least room.
            fit = (room if room else row_tokens) // size
            many = left // fit
            if room:
                many = min(many, rows_with[room])
            taken = many * fit
            if not many:
                many, taken = 1, left
            if room:
                rows_with[room] -= many
                if not rows_with[room]:
                    _mark(tree, room, 0)
            else:
                rows += many
                room = row_tokens
            room -= taken // many * size
            if room:
                rows_with[room] += many
                _mark(tree, room, 1)
            left -= taken
    return rows
