"""Planted pairs: the Jaccard that is stored, and the edits behind it."""

from __future__ import annotations

import pytest

from midmix.demo.copies import edit_words, jaccard
from midmix.demo.draw import Draw
from midmix.demo.pool import Pool, is_ordinary
from midmix.demo.record import Record
from midmix.errors import ConfigError

WORDS = " ".join(f"w{i}" for i in range(100))


def record(text: str, source: str = "repos") -> Record:
    return Record(source, text, "u", {})


def test_jaccard_of_word_5_grams_by_hand() -> None:
    assert jaccard("a b c d e", "A  b\nc d E") == 1.0
    assert jaccard("a b c d e f", "a b c d e x") == pytest.approx(1 / 3)  # {abcde, bcdef} and {abcde, bcdex}
    assert jaccard("a b c d e", "a b c d x") == 0.0
    assert jaccard("too few", "too few") == 0.0
    assert jaccard(WORDS, WORDS.replace("w50", "other")) == pytest.approx(91 / 101)


@pytest.mark.parametrize("block", [False, True])
@pytest.mark.parametrize("share", [0.005, 0.02, 0.15])
def test_edits_touch_the_share_of_words_that_they_say(share: float, block: bool) -> None:
    for seed in range(20):
        text, count = edit_words(WORDS, share, block, Draw(seed))
        assert count == max(1, round(share * 100))
        before, after = set(WORDS.split()), set(text.split())
        assert len(before - after) <= count
        assert text != WORDS


def test_edits_keep_line_breaks() -> None:
    text = "one two\nthree four\n\nfive six\n    seven eight\n"
    for seed in range(30):
        edited, _ = edit_words(text, 0.5, False, Draw(seed))
        assert edited.count("\n") == text.count("\n")


def test_a_pool_gives_each_ordinary_document_once() -> None:
    rows = [record(f"{WORDS} number {i}") for i in range(5)] + [record("too short"), record(WORDS + " me@host.org")]
    pool = Pool({"repos": rows}, Draw(1))
    taken = [pool.take("repos") for _ in range(5)]
    assert {id(r) for r in taken} == {id(r) for r in rows[:5]}
    with pytest.raises(ConfigError, match="no document of normal length is left in repos"):
        pool.take("repos")


def test_a_pool_keeps_short_documents_for_those_who_want_them() -> None:
    short, long = record(" ".join(f"s{i}" for i in range(40))), record(WORDS)
    pool = Pool({"repos": [long, short]}, Draw(1))
    assert pool.take("repos", min_words=60) is long
    assert pool.take("repos") is short


def test_prose_must_read_like_prose() -> None:
    sentence = "the horse walked along with a painter and that was all of it to be said "
    assert is_ordinary(record(sentence * 5, "crawl"))
    assert not is_ordinary(record(sentence, "crawl"))  # too short
    assert not is_ordinary(record("1 2 3 4 5 " * 20, "crawl"))
    assert not is_ordinary(record(sentence * 5 + "We use cookies", "crawl"))
