"""Leak search on exact small cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from midmix.curation.decontaminate.index import MOST_ITEMS, build_index, set_grams
from midmix.curation.decontaminate.search import leaks
from midmix.tables import CONTAMINATION, EVALUATION_ITEMS, TEXT

Field = str | None
Row = tuple[int, int, str, str, float, str]


def items(*fields: tuple[Field, str]) -> pa.Table:
    rows = [
        {"set": "s", "role": "benchmark", "item": i, "question": q, "answer": a, "detectable": True}
        for i, (q, a) in enumerate(fields)
    ]
    return pa.Table.from_pylist(rows, EVALUATION_ITEMS.schema())


def find(texts: list[str], *fields: tuple[Field, str], ngram: int = 6, min_words: int = 3) -> list[Row]:
    """(document, item, field, rule, overlap, matched text) of every row."""
    index = build_index({"s": set_grams(items(*fields), ngram, min_words)}, min(min_words, ngram))
    table = leaks(np.arange(len(texts), dtype=np.uint64), pa.array(texts, TEXT), index, ngram)["s"]
    assert table.schema == CONTAMINATION.schema()
    return [
        (
            r["doc"],
            r["item"],
            r["field"],
            r["rule"],
            r["overlap"],
            texts[r["doc"]].encode()[r["start_byte"] : r["end_byte"]].decode(),
        )
        for r in table.to_pylist()
    ]


QUESTION = "Tom has 3 red apples and 4 green pears; how many?"


def test_verbatim_in_a_document_with_places_in_bytes() -> None:
    text = f"été “{QUESTION}” fin"
    assert find([text], (QUESTION, "7")) == [(0, 0, "question", "6-gram", 1.0, QUESTION[:-1])]


def test_wherever_it_stands_in_a_long_document() -> None:
    texts = [f"{'x ' * before}{QUESTION}{' x' * 70}" for before in range(140)]
    assert find(texts, (QUESTION, "7")) == [(i, 0, "question", "6-gram", 1.0, QUESTION[:-1]) for i in range(140)]


def test_other_case_spacing_and_markup() -> None:
    text = "**TOM** has\n3 red apples and\t4 (green) pears -- how   many"
    assert find([text], (QUESTION, "7"))[0][4] == 1.0


def test_other_numbers_are_another_text() -> None:
    assert find([QUESTION.replace("3", "5").replace("4", "9")], (QUESTION, "7")) == []


def test_overlap_counts_distinct_ngrams_of_the_field() -> None:
    question = "a b c d e f g h i j"
    assert find(["a b c d e f g x a b c d e f g"], (question, "-")) == [
        (0, 0, "question", "6-gram", 2 / 5, "a b c d e f g x a b c d e f g")
    ]
    assert find(["e f g h i j and x a b c d e f"], (question, "-")) == [
        (0, 0, "question", "6-gram", 2 / 5, "e f g h i j and x a b c d e f")
    ]


def test_both_fields_and_their_order() -> None:
    text = f"{QUESTION} One two three four five six seven."
    found = find([text], (QUESTION, "one two three four five six seven"))
    assert [row[2:5] for row in found] == [("answer", "6-gram", 1.0), ("question", "6-gram", 1.0)]


@pytest.mark.parametrize("words", [3, 4, 5])
def test_a_short_field_is_found_whole(words: int) -> None:
    answer = " ".join("alpha beta gamma delta epsilon".split()[:words])
    assert find([f"x {answer}. y"], (None, answer)) == [(0, 0, "answer", "short-item", 1.0, answer)]
    assert find(["alpha beta"], (None, answer)) == []


def test_a_field_of_too_few_words_is_not_searched_for() -> None:
    assert find(["one two one two"], (None, "one two")) == []


def test_a_field_of_exactly_ngram_words_is_no_short_item() -> None:
    assert find(["a b c d e f"], (None, "a b c d e f")) == [(0, 0, "answer", "6-gram", 1.0, "a b c d e f")]


def test_words_do_not_run_over_the_edge_of_a_document() -> None:
    assert find(["a b c", "d e f g h", ""], (None, "a b c d e f")) == []


def test_a_repeated_phrase_in_the_item() -> None:
    answer = "a b a b a b a b a b"
    assert find(["a b a b a b"], (None, answer)) == [(0, 0, "answer", "6-gram", 0.5, "a b a b a b")]


def test_ngrams_of_many_items_are_ignored() -> None:
    shared = "you are given the following problem now"
    fields = [(f"{shared} solve task number x{i} y{i} z{i} w{i} v{i} u{i}", "-") for i in range(MOST_ITEMS + 1)]
    assert find([shared], *fields) == []
    assert len(find([shared], *fields[:-1])) == MOST_ITEMS
    found = find([fields[7][0]], *fields)
    assert [(row[1], row[4]) for row in found] == [(7, 1.0)]


def test_but_not_where_an_item_has_no_others() -> None:
    same = [(None, "one two three four five six seven")] * (MOST_ITEMS + 1)
    found = find(["one two three four five six seven"], *same, (None, "some other words that stand for themselves"))
    assert [(row[1], row[4]) for row in found] == [(i, 1.0) for i in range(MOST_ITEMS + 1)]


def test_sets_share_nothing() -> None:
    """What is common in one set does not hide an n-gram of another, and rows go to their own set."""
    shared = "one two three four five six"
    many = items(*[(f"{shared} q{i} r{i} s{i} t{i} u{i} v{i}", "-") for i in range(MOST_ITEMS + 1)])
    index = build_index({"many": set_grams(many, 6, 3), "few": set_grams(items((None, shared)), 6, 3)}, 3)
    keys = np.array([5], np.uint64)
    found = leaks(keys, pa.array([shared], TEXT), index, 6)
    assert found["many"].num_rows == 0
    assert [(r["doc"], r["set"], r["item"]) for r in found["few"].to_pylist()] == [(5, "few", 0)]


def test_rows_are_in_key_order_and_independent_of_other_documents() -> None:
    fields = [(f"w{i} a b c d e", f"w{i} f g h i j") for i in range(9)]
    texts = [". ".join(part for pair in fields[::-1] for part in pair), "nothing here at all", fields[3][0]]
    found = find(texts, *fields)
    assert [row[:3] for row in found] == [(0, i, f) for i in range(9) for f in ("answer", "question")] + [
        (2, 3, "question")
    ]
    assert find(texts[2:], *fields) == [(0, *found[-1][1:])]


def test_no_items_and_no_documents() -> None:
    assert find(["a b c d e f g"]) == []
    assert find([], (QUESTION, "7")) == []


def test_ngrams_longer_than_every_field() -> None:
    assert find([QUESTION], (QUESTION, "7"), ngram=64)[0][3:5] == ("short-item", 1.0)


def test_least_words_above_the_ngram() -> None:
    assert find(["a b c d"], (None, "a b c d"), ngram=3, min_words=9) == [(0, 0, "answer", "3-gram", 1.0, "a b c d")]


def rows_found(count: int) -> Any:
    return [(None, f"w{i} x{i} y{i} z{i}") for i in range(count)]


def test_more_rows_than_one_call_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    from midmix.curation.decontaminate import search

    monkeypatch.setattr(search, "_ROWS", 4)
    fields = rows_found(4)
    texts = [fields[i % 4][1] for i in range(41)]
    assert [row[:2] for row in find(texts, *fields)] == [(i, i % 4) for i in range(41)]
