"""Edits and Jaccard on drawn texts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from midmix.demo.copies import edit_words, jaccard
from midmix.demo.draw import Draw
from midmix.demo.problems import Apart

WORDS = st.lists(st.text(st.characters(categories=["Ll", "Nd"]), min_size=1, max_size=6), min_size=5, max_size=80)
GAPS = st.sampled_from([" ", "\n", "  ", "\n\n", "\t"])


@given(WORDS, st.data())
def test_jaccard_is_symmetric_within_bounds_and_blind_to_white_space(words: list[str], data: st.DataObject) -> None:
    one = " ".join(words)
    other = " ".join(data.draw(WORDS))
    assert jaccard(one, other) == jaccard(other, one)
    assert 0 <= jaccard(one, other) <= 1
    assert jaccard(one, data.draw(GAPS).join(words).upper().lower()) == jaccard(one, one.upper().lower())
    assert jaccard(one, one) == 1


@given(WORDS, st.floats(0.005, 0.15), st.booleans(), st.integers(0, 1000))
def test_each_edited_word_costs_at_most_five_shingles(words: list[str], share: float, block: bool, seed: int) -> None:
    text = " ".join(f"{word}{i}x" for i, word in enumerate(words))
    edited, count = edit_words(text, share, block, Draw(seed))
    shingles = len(words) - 4
    kept = max(0, shingles - 5 * count)
    assert jaccard(text, edited) >= kept / (2 * (shingles + 5 * count))
    if kept:
        assert jaccard(text, edited) >= kept / (shingles + 5 * count)


@given(
    st.lists(st.sampled_from("abc"), min_size=13, max_size=60),
    st.lists(st.sampled_from("abc"), min_size=13, max_size=60),
)
def test_apart_never_misses_a_run_of_13(one: list[str], other: list[str]) -> None:
    runs = {tuple(one[i : i + 13]) for i in range(len(one) - 12)}
    shared = any(tuple(other[i : i + 13]) in runs for i in range(len(other) - 12))
    if shared:
        assert Apart([" ".join(one)]).shares_run(" ".join(other))


@given(st.integers(0, 2**40), st.integers(1, 50), st.integers(0, 60))
def test_samples_are_distinct_and_complete(seed: int, size: int, count: int) -> None:
    sample = Draw(seed).sample(range(size), count)
    assert len(sample) == len(set(sample)) == min(size, count)
    assert set(sample) <= set(range(size))
