"""Where documents lie in shards: end to end, grouped, in rows, and in files of several shards."""

from __future__ import annotations

import numpy as np

from midmix.mixer.exposure.layout import Layout, end_to_end, in_rows, joined
from midmix.mixer.exposure.stream import Read, Stream

# Rows of 8: document 1 (5 tokens) and 0 (3); the head of 2 (11 tokens); the rest of 2, and 5 tokens that fill up.
RUNS = np.array([[1, 0, 5], [0, 0, 3], [2, 0, 8], [2, 8, 3], [-1, 0, 5]])


# Three documents, the first two of which are one entry: 5 + 3 and 11 tokens.
GROUPED = end_to_end(np.array([5, 3, 11]), np.array([2, 1]))


def values(layout: Layout) -> tuple[list[int], ...]:
    return tuple(each.tolist() for each in (layout.documents, layout.firsts, layout.lengths, layout.entries))


def test_documents_end_to_end_are_an_entry_each() -> None:
    layout = end_to_end(np.array([5, 3]))
    assert layout.entry_lengths.tolist() == layout.document_lengths().tolist() == [5, 3]
    assert layout.runs_of(np.array([1, 0, 1])).tolist() == [1, 0, 1]


def test_a_row_is_an_entry() -> None:
    layout = in_rows(RUNS, 8)
    assert layout.entry_lengths.tolist() == [8, 8, 8]
    assert layout.document_lengths().tolist() == [3, 5, 11]
    assert layout.runs_of(np.array([2, 0])).tolist() == [3, 4, 0, 1]
    assert layout.is_held(np.array([False, True, True])).tolist() == [True, False, True, True, False]


def test_reads_of_rows_name_documents_and_no_padding() -> None:
    layout = in_rows(RUNS, 8)
    stream = Stream(layout.documents, layout.lengths, 8, 0, firsts=layout.firsts)
    assert list(stream.reads(0)) == [Read(1, 0, 5, 5), Read(0, 0, 3, 3)]
    assert list(stream.reads(2)) == [Read(2, 8, 11, 3)]
    tokens, read = stream.tokens(np.array([True, False, True]), np.arange(3))
    assert (tokens.tolist(), read.tolist()) == ([3, 8, 3], [True, True, True])
    tokens, read = stream.tokens(np.array([True, False, False]), np.arange(3))
    assert (tokens.tolist(), read.tolist()) == ([3, 0, 0], [True, False, False])


def test_grouped_documents_are_one_entry() -> None:
    assert GROUPED.entry_lengths.tolist() == [8, 11]
    assert GROUPED.runs_of(np.array([1, 0])).tolist() == [2, 0, 1]
    assert values(GROUPED.only(np.array([True, False]))) == ([0, 1], [0, 0], [5, 3], [0, 2])


def test_entries_of_an_index_are_taken_apart_into_documents() -> None:
    assert values(end_to_end(np.array([8, 11])).taken_apart(GROUPED)) == values(GROUPED)


def test_rows_of_entries_are_taken_apart_into_documents() -> None:
    # Rows of 7: the head of the first entry; its rest, what fills up; the head of the second; its rest, what fills up.
    rows = in_rows(np.array([[0, 0, 7], [0, 7, 1], [-1, 0, 6], [1, 0, 7], [1, 7, 4], [-1, 0, 3]]), 7)
    assert values(rows.taken_apart(GROUPED)) == (
        [0, 1, 1, -1, 2, 2, -1],
        [0, 0, 2, 0, 0, 7, 0],
        [5, 2, 1, 6, 7, 4, 3],
        [0, 2, 4, 5, 7],
    )


def test_shards_that_are_one_file_are_told_apart_by_their_numbers_of_documents() -> None:
    file = joined([GROUPED, end_to_end(np.array([4]))])
    assert values(file) == ([0, 1, 2, 3], [0, 0, 0, 0], [5, 3, 11, 4], [0, 2, 3, 4])
    assert file.num_documents == 4
