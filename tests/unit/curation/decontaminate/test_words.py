"""Words for leak search against a plain-Python twin."""

from __future__ import annotations

import pyarrow as pa
import pytest

from midmix.curation.decontaminate.words import word_hashes
from midmix.tables import TEXT


def hashes(text: str) -> list[int]:
    _, found = word_hashes(pa.array(["before", text, "after"], TEXT)[1:2])
    return found.tolist()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Tom has 3 apples.", "tom has 3 apples"),
        ("Tom has 3 apples.", "**Tom**, has\n\n(3) `apples`"),
        ("f(x) = x^2 + 1", "f x x 2 1"),
        ("don’t — “stop”…", "don t stop"),
        ("ÉTÉ ΑΒΓ Привет", "été αβγ привет"),
        ("a\u00a0b\u2003c\u3000d", "a b c d"),
        ("2×3 ≤ 7 → ok", "2 3 7 ok"),
        ("snake_case x-y", "snake case x y"),
    ],
)  # fmt: skip
def test_same_words(one: str, other: str) -> None:
    assert hashes(one) == hashes(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ab c", "a bc"),
        ("x 1", "x 2"),
        ("élan", "elan"),
        ("中文", "中 文"),
        ("naïve", "na ve"),
        ("x₂", "x 2"),
        ("12", "1 2"),
    ],
)
def test_other_words(one: str, other: str) -> None:
    assert hashes(one) != hashes(other)


def test_counts() -> None:
    texts = ["", " .,!", "one", "one two", "x" * 100, "é" * 100, "日本語 テキスト", "a\u0301 b", "ﬁ № ½"]
    offsets, found = word_hashes(pa.array(texts, TEXT))
    assert [b - a for a, b in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)] == [
        0,
        0,
        1,
        2,
        1,
        1,
        2,
        2,
        3,
    ]
    assert len(set(found.tolist())) == len(found) - 1  # `one` twice


def test_long_words_differ_in_any_place() -> None:
    words = ["é" * i + "x" + "é" * (30 - i) for i in range(31)] + ["é" * 31]
    assert len({tuple(hashes(w)) for w in words}) == 32
