"""Substrings that documents share are those that a slow comparison of all windows finds, byte for byte."""

from collections import defaultdict

import numpy as np
import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from midmix.curation.passages.groups import find_groups
from midmix.curation.passages.runs import join_windows, shared_windows
from midmix.curation.passages.substrings import find_anchors, find_windows
from midmix.tables import PASSAGES

Covered = list[set[int]]


def slow(texts: list[str], min_bytes: int) -> Covered:
    """Bytes of each text that are in a window that another text has."""
    windows = defaultdict(list)
    for number, text in enumerate(texts):
        raw = text.encode()
        for start in range(len(raw) - min_bytes + 1):
            if raw[start] & 0xC0 == 0x80:
                continue
            end = start + min_bytes
            while end < len(raw) and raw[end] & 0xC0 == 0x80:
                end += 1
            windows[raw[start:end]].append((number, start, end))
    covered: Covered = [set() for _ in texts]
    for places in windows.values():
        if len({number for number, _, _ in places}) > 1:
            for number, start, end in places:
                covered[number] |= set(range(start, end))
    return covered


def found(texts: list[str], min_bytes: int) -> tuple[Covered, dict[bytes, set[bytes]]]:
    """The same by anchors, windows and runs; and the texts that go by each passage's name."""
    column = pa.array(texts, pa.large_string())
    anchors = find_anchors(column, min_bytes)
    by_hash = defaultdict(set)
    for value, number in zip(anchors.hashes, anchors.documents, strict=True):
        by_hash[value].add(number)
    shared = np.array([len(by_hash[value]) > 1 for value in anchors.hashes], np.bool_)
    places = np.column_stack([anchors.documents, anchors.starts])[shared]
    rows = pa.concat_tables(
        [PASSAGES.schema().empty_table()]
        + [
            pa.table(
                [w.hashes, w.checks, w.documents.astype(np.uint64), w.starts, w.ends], names=PASSAGES.schema().names
            ).cast(PASSAGES.schema())
            for w in find_windows(column, min_bytes, places)
        ]
    )
    joined = join_windows(shared_windows(rows, find_groups(rows, 2)))
    covered: Covered = [set() for _ in texts]
    named = defaultdict(set)
    for row in joined.to_pylist():
        covered[row["doc"]] |= set(range(row["start_byte"], row["end_byte"]))
        named[row["passage"]].add(texts[row["doc"]].encode()[row["start_byte"] : row["end_byte"]])
    return covered, named


@st.composite
def related_texts(draw: st.DrawFn) -> list[str]:
    alphabet = draw(st.sampled_from(["ab", "abcdefgh ", "aé漢😀 ", "xyz\n01"]))
    bases = draw(st.lists(st.text(alphabet, max_size=80), min_size=1, max_size=3))
    pieces = st.one_of(st.sampled_from(bases), st.text(alphabet, max_size=20))
    return draw(st.lists(st.lists(pieces, max_size=4).map("".join), min_size=1, max_size=5))


@given(related_texts(), st.sampled_from([16, 17, 20, 40]))
@example(["ab" * 40, "ab" * 40, "b" + "ab" * 12], 16)
def test_shared_substrings_are_those_of_a_slow_comparison(texts: list[str], min_bytes: int) -> None:
    covered, named = found(texts, min_bytes)
    assert covered == slow(texts, min_bytes)
    assert all(len(contents) == 1 for contents in named.values())
