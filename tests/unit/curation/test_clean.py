"""Edits: spans in raw bytes, overlaps united, removals before masks, the same as a slow reference."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.clean import CleanDocuments, edit_texts, edits_in_force

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
    return edited.to_pylist(), united[:, [0, 4]].tolist(), taken.tolist()


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


@given(st.text(alphabet="abcé", max_size=20), st.data())
def test_places_of_the_clean_text_lead_back_to_the_raw_one(text: str, data: st.DataObject) -> None:
    raw = text.encode()
    cuts = sorted(set(data.draw(st.lists(st.integers(0, len(text)), max_size=6))))
    spans = [(len(text[:a].encode()), len(text[:b].encode())) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    masks = [data.draw(st.sampled_from(["", "<m>"])) for _ in spans]
    clean, origin = bytearray(), []  # of each clean byte its raw one, or the span that it masks
    at = 0
    for (start, end), mask in zip(spans, masks, strict=True):
        origin += list(range(at, start)) + [(start, end)] * len(mask)
        clean += raw[at:start] + mask.encode()
        at = end
    origin += list(range(at, len(raw)))
    clean += raw[at:]
    done = np.array([(0, a, b, len(m)) for (a, b), m in zip(spans, masks, strict=True)], np.int64).reshape(-1, 4)
    documents = CleanDocuments(np.zeros(1, np.uint64), pa.array([clean.decode()]), "s", "prose", 0, {}, done)
    for place, where in enumerate(origin):
        start, end = where if isinstance(where, tuple) else (where, where + 1)
        zero = np.zeros(1, np.int64)
        assert documents.raw_starts(zero, np.array([place])).tolist() == [start]
        assert documents.raw_ends(zero, np.array([place + 1])).tolist() == [end]
