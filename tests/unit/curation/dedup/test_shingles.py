"""Words and shingles against Python's own split, on exact small texts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from midmix.curation.dedup.parameters import SignatureSettings, Unit
from midmix.curation.dedup.shingles import BATCH_BYTES, Shingles, shingle, text_batches
from midmix.tables import TEXT

WHITE_SPACE = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and chr(c).isspace()]


def shingles(texts: pa.LargeStringArray, ngram: int, unit: Unit = "words") -> Shingles:
    return shingle(texts, SignatureSettings(unit=unit, ngram=ngram, bands=1, rows=1, seed=1))


def counts(texts: list[str], ngram: int) -> tuple[list[int], list[int]]:
    """(words, distinct shingles) of each text."""
    found = shingles(pa.array(texts, TEXT), ngram)
    return found.num_words.tolist(), np.diff(found.offsets).tolist()


@pytest.mark.parametrize("space", WHITE_SPACE, ids=lambda c: f"U+{ord(c):04X}")
def test_every_white_space_character_parts_words(space: str) -> None:
    assert counts([f"a{space}b{space}{space}é"], 1) == ([3], [3])


@pytest.mark.parametrize(
    "near", ["\u200b", "\u2027", "\u202a", "\u2060", "\u180e", "\u3001", "\u1681", "\u0084", "\u00a1"]
)
def test_neighbours_of_white_space_do_not(near: str) -> None:
    assert counts([f"a{near}b"], 1) == ([1], [1])


def test_shingles_are_counted_once() -> None:
    assert counts(["", "a b", "a b c", "a b c d", "a b a b a b", "x " * 50], 3) == (
        [0, 2, 3, 4, 6, 50],
        [0, 0, 1, 2, 2, 1],
    )


def test_case_is_ignored_and_digits_and_operators_are_not() -> None:
    found = shingles(pa.array(["X = 3 ÉTÉ", "x = 3 été", "x = 4 été", "x == 3 été", "x = 3 été."], TEXT), 4)
    values = found.hashes.tolist()
    assert values[0] == values[1]
    assert len(set(values)) == 4


def test_word_boundaries_matter() -> None:
    found = shingles(pa.array(["ab c", "a bc", "abc abc", "abcabc abcabc"], TEXT), 2)
    assert len(set(found.hashes.tolist())) == 4


def test_shingles_do_not_depend_on_the_other_documents() -> None:
    texts = ["one two three four five six", "", "seven eight nine ten eleven", "three four five six one"]
    together = shingles(pa.array(texts, TEXT), 4)
    for i, text in enumerate(texts):
        alone = shingles(pa.array(["skipped", text], TEXT)[1:], 4)
        assert alone.hashes.tolist() == together.hashes[together.offsets[i] : together.offsets[i + 1]].tolist()


def test_a_character_cut_off_at_the_end_of_a_document_is_no_white_space() -> None:
    texts = pa.array(["a\u2003", "b"], TEXT)
    assert shingles(texts, 1).num_words.tolist() == [1, 1]


def test_batches_cover_all_documents_in_order() -> None:
    texts = pa.array(["a" * n for n in (3, 3, 20, 0, 1, 9, 1)], TEXT)
    found = list(text_batches(texts, 6))
    assert [(s.start, s.stop) for s in found] == [(0, 2), (2, 3), (3, 5), (5, 6), (6, 7)]
    assert [(s.start, s.stop) for s in text_batches(texts[2:4], 6)] == [(0, 1), (1, 2)]
    assert list(text_batches(texts[:0], 6)) == []


def test_characters() -> None:
    texts = ["ab  c", "ab c", "Ab\u3000C", "abc", "中文字", "a", "", "aaaa"]
    found = shingles(pa.array(texts, TEXT), 3, "characters")
    assert np.diff(found.offsets).tolist() == [2, 2, 2, 1, 1, 0, 0, 1]
    assert found.num_words.tolist() == [2, 2, 2, 1, 1, 1, 0, 1]
    sets = [set(found.hashes[a:b].tolist()) for a, b in pairwise(found.offsets.tolist())]
    assert sets[0] == sets[1] == sets[2]
    assert len(set.union(*sets)) == 5


def test_long_documents_and_batches() -> None:
    line = "one two three four " * 30_000
    words = " ".join(f"w{i}" for i in range(60_000))
    texts = ["x" * 1_000_000, line, "a b c", words, "\n" * 500_000, "é" * 300_000]
    found = shingles(pa.array(texts, TEXT), 3)
    assert len("".join(texts)) > 4 * BATCH_BYTES
    assert found.num_words.tolist() == [1, 120_000, 3, 60_000, 0, 1]
    assert np.diff(found.offsets).tolist() == [0, 4, 1, 59_998, 0, 0]
    assert found.hashes[found.offsets[2] : found.offsets[3]] == shingles(pa.array(["a b c"], TEXT), 3).hashes


def test_a_document_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midmix.curation.dedup.profiles.batch.MAX_BYTES", 10)
    with pytest.raises(ValueError, match=r"a text of 11 bytes.*up to 10"):
        shingles(pa.array(["a" * 11], TEXT), 3)
