"""Edits: spans in raw bytes, overlaps united, removals before masks, the same as a slow reference."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.clean import edit_texts, edits_in_force

Span = tuple[int, int, int, int]


def edit(texts: list[str], spans: list[Span], words: list[str]) -> tuple[list[str], list[list[int]], list[int]]:
    """`spans` are (document, start, end, word or -1)."""
    columns = np.array(spans, np.int64).reshape(-1, 4).T
    edited, united, taken = edit_texts(
        pa.array(texts, pa.large_string()),
        columns[0],
        columns[1],
        columns[2],
        (columns[3], words),
        np.arange(len(spans)),
    )
    return edited.to_pylist(), united.tolist(), taken.tolist()


def test_spans_are_cut_and_masked_in_bytes() -> None:
    texts = ["aé€x", "mail me@x.org now"]
    edited, united, taken = edit(texts, [(0, 1, 3, -1), (1, 5, 13, 0)], ["<e>"])
    assert edited == ["a€x", "mail <e>w"[:-1] + " now"]
    assert taken == [2, 8] and united == [[0, 0], [1, 1]]


def test_overlaps_are_united_and_removal_beats_a_mask() -> None:
    edited, united, taken = edit(["0123456789"], [(0, 1, 4, 0), (0, 3, 6, -1), (0, 8, 9, 0)], ["M"])
    assert edited == ["067M9"]
    assert united == [[0, 1], [0, 2]] and taken == [5, 1]


def test_boilerplate_is_cut_from_prose_alone() -> None:
    edits = ("pii.email", "boilerplate.line")
    assert edits_in_force(edits, "prose") == edits
    assert edits_in_force(edits, "code") == ("pii.email",)


@given(st.lists(st.text(alphabet="abé", max_size=12), min_size=1, max_size=4), st.data())
def test_disjoint_spans_equal_a_slow_reference(texts: list[str], data: st.DataObject) -> None:
    spans: list[Span] = []
    expected = []
    for number, text in enumerate(texts):
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
        pieces, at = [], 0
        for start, end in zip(cuts[::2], cuts[1::2], strict=False):
            word = data.draw(st.sampled_from([-1, 0, 1]))
            if start == end or start < at:
                continue
            spans.append((number, len(text[:start].encode()), len(text[:end].encode()), word))
            pieces += [text[at:start], ["", "€", "zz"][word + 1]]
            at = end
        expected.append("".join(pieces) + text[at:])
    assert edit(texts, spans, ["€", "zz"])[0] == expected


@pytest.mark.parametrize("texts", [[""], ["", "a", ""]])
def test_empty_texts_survive(texts: list[str]) -> None:
    assert edit(texts, [], [])[0] == texts
