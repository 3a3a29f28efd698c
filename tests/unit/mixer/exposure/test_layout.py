"""Where documents lie in shards: end to end, and in rows."""

from __future__ import annotations

import numpy as np

from midmix.mixer.exposure.layout import end_to_end, in_rows
from midmix.mixer.exposure.stream import Read, Stream

# Rows of 8: document 1 (5 tokens) and 0 (3); the head of 2 (11 tokens); the rest of 2, and 5 tokens that fill up.
RUNS = np.array([[1, 0, 5], [0, 0, 3], [2, 0, 8], [2, 8, 3], [-1, 0, 5]])


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
