"""Runs of entries taken apart into documents hold the same tokens, in the same order and entries."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from midmix.mixer.exposure.layout import Layout, end_to_end, in_rows
from midmix.mixer.plan.best_fit import PADDING, pack
from midmix.mixer.simplex import I64

ENTRIES = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=4), min_size=1, max_size=6)


def positions(layout: Layout, whole: Layout) -> list[int]:
    """Tokens of a layout by their position in that of the whole documents, PADDING where it is filled up."""
    starts = np.cumsum(whole.lengths) - whole.lengths
    found: list[int] = []
    for document, first, length in zip(layout.documents, layout.firsts, layout.lengths, strict=True):
        filling = document == PADDING
        found += [PADDING] * length if filling else range(starts[document] + first, starts[document] + first + length)
    return found


@given(ENTRIES, st.data())
def test_the_same_tokens(entries: list[list[int]], data: Any) -> None:
    counts: I64 = np.array([len(entry) for entry in entries])
    held = np.array(data.draw(st.lists(st.booleans(), min_size=len(entries), max_size=len(entries))))
    held[data.draw(st.integers(0, len(entries) - 1))] = True
    documents = end_to_end(np.array([length for entry in entries for length in entry]), counts).only(held)
    of_entries = end_to_end(np.array([sum(entry) for entry in entries])).only(held)
    sequence_length = data.draw(st.integers(1, 12))
    packed = in_rows(pack(of_entries.lengths, sequence_length, np.random.default_rng(0)), sequence_length)
    for layout in (of_entries, packed):
        apart = layout.taken_apart(documents)
        assert positions(apart, documents) == positions(layout, of_entries)
        assert apart.entry_lengths.tolist() == layout.entry_lengths.tolist()
        assert apart.document_lengths().tolist() == documents.lengths.tolist()
        assert (apart.lengths > 0).all()
