"""Exact n-grams on small cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from midmix.curation.decontaminate.find import Index, build_index, find_leaks_in
from midmix.curation.decontaminate.ngrams import MOST_ITEMS
from midmix.tables import EVALUATION_ITEMS, TEXT

Field = str | None
Row = tuple[int, int, str, str, float, str]


def items(*fields: tuple[Field, str], name: str = "s") -> pa.Table:
    empty = dict.fromkeys(EVALUATION_ITEMS.schema().names)
    rows = [
        empty | {"set": name, "role": "benchmark", "item": i, "question": q, "answer": a}
        for i, (q, a) in enumerate(fields)
    ]
    return pa.Table.from_pylist(rows, EVALUATION_ITEMS.schema())


def rows_of(texts: list[str], index: Index) -> list[Row]:
    rows = find_leaks_in(pa.array(texts, TEXT), index).to_pylist()
    assert {(r["label"], r["rule"]) for r in rows} <= {("leak", "exact")}
    return [
        (
            r["document"], r["item"], r["field"], r["layer"], r["overlap"],
            texts[r["document"]].encode()[r["start_byte"] : r["end_byte"]].decode(),
        )
        for r in rows
    ]  # fmt: skip


def find(texts: list[str], *fields: tuple[Field, str], ngram: int = 6) -> list[Row]:
    """(document, item, field, layer, overlap, matched text) of every row."""
    return rows_of(texts, build_index(items(*fields), ngrams=(ngram,), sets=()))


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
    for text in ("a b c d e f g x a b c d e f g", "e f g h i j and x a b c d e f"):
        assert find([text], (question, "")) == [(0, 0, "question", "6-gram", 2 / 5, text)]


def test_both_fields_and_their_order() -> None:
    text = f"{QUESTION} One two three four five six seven."
    found = find([text], (QUESTION, "one two three four five six seven"))
    assert [row[2:5] for row in found] == [("answer", "6-gram", 1.0), ("question", "6-gram", 1.0)]


def test_a_field_of_fewer_words_than_n_is_not_searched_for() -> None:
    assert find(["a b c d e f"], (None, "a b c d e")) == []
    assert find(["a b c d e f"], (None, "a b c d e f")) == [(0, 0, "answer", "6-gram", 1.0, "a b c d e f")]


def test_several_lengths_at_once() -> None:
    """What one length finds does not depend on the others."""
    fields = [(QUESTION, "7"), ("red apples and 4 green", "a b c d e f")]
    texts = ["3 red apples and 4 green pears", QUESTION, "a b c d"]
    at_once = rows_of(texts, build_index(items(*fields), ngrams=(3, 5, 8), sets=()))
    alone = [row for n in (3, 5, 8) for row in find(texts, *fields, ngram=n)]
    assert sorted(at_once) == sorted(alone)
    assert {row[3] for row in at_once} == {"3-gram", "5-gram", "8-gram"}


def test_words_do_not_run_over_the_edge_of_a_document() -> None:
    assert find(["a b c", "d e f g h", ""], (None, "a b c d e f")) == []


def test_a_repeated_phrase_in_the_item() -> None:
    answer = "a b a b a b a b a b"
    assert find(["a b a b a b"], (None, answer)) == [(0, 0, "answer", "6-gram", 0.5, "a b a b a b")]


def test_ngrams_of_many_items_are_ignored() -> None:
    shared = "you are given the following problem now"
    fields: Any = [(f"{shared} solve task number x{i} y{i} z{i} w{i} v{i} u{i}", "") for i in range(MOST_ITEMS + 1)]
    assert find([shared], *fields) == []
    assert len(find([shared], *fields[:-1])) == MOST_ITEMS
    found = find([fields[7][0]], *fields)
    assert [(row[1], row[4]) for row in found] == [(7, 1.0)]


def test_but_not_where_an_item_has_no_others() -> None:
    same = [(None, "one two three four five six seven")] * (MOST_ITEMS + 1)
    found = find(["one two three four five six seven"], *same, (None, "some other words that stand for themselves"))
    assert [(row[1], row[4]) for row in found] == [(i, 1.0) for i in range(MOST_ITEMS + 1)]


def test_sets_share_nothing() -> None:
    """What is common in one set does not hide an n-gram of another."""
    shared = "one two three four five six"
    many = items(*[(f"{shared} q{i} r{i} s{i} t{i} u{i} v{i}", "") for i in range(MOST_ITEMS + 1)], name="many")
    index = build_index(pa.concat_tables([many, items((None, shared), name="few")]), ngrams=(6,), sets=())
    rows = find_leaks_in(pa.array(["x", shared], TEXT), index).to_pylist()
    assert [(r["document"], r["set"], r["item"]) for r in rows] == [(1, "few", 0)]


def test_lengths_per_set() -> None:
    table = pa.concat_tables([items((QUESTION, "7"), name="one"), items((QUESTION, "7"), name="two")])
    index = build_index(table, ngrams=[("two", 6)], sets=["one"])
    rows = find_leaks_in(pa.array([QUESTION + " Count them all well, please"], TEXT), index).to_pylist()
    assert {(r["set"], r["layer"]) for r in rows} <= {("one", "alignment"), ("two", "6-gram")}
    assert ("two", "6-gram") in {(r["set"], r["layer"]) for r in rows}


def test_rows_are_in_order_and_independent_of_other_documents() -> None:
    fields = [(f"w{i} a b c d e", f"w{i} f g h i j") for i in range(9)]
    texts = [". ".join(part for pair in fields[::-1] for part in pair), "nothing here at all", fields[3][0]]
    found = find(texts, *fields)
    expected = [(0, i, f) for i in range(9) for f in ("answer", "question")]
    assert [row[:3] for row in found] == [*expected, (2, 3, "question")]
    assert find(texts[2:], *fields) == [(0, *found[-1][1:])]


def test_no_items_and_no_documents() -> None:
    assert find(["a b c d e f g"]) == []
    assert find([], (QUESTION, "7")) == []


def test_more_rows_than_one_call_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    from midmix.curation.decontaminate import ngram_search

    monkeypatch.setattr(ngram_search, "_ROWS", 4)
    fields = [(None, f"w{i} x{i} y{i} z{i}") for i in range(4)]
    texts = [fields[i % 4][1] for i in range(41)]
    assert [row[:2] for row in find(texts, *fields, ngram=4)] == [(i, i % 4) for i in range(41)]


def test_a_filter_lets_all_its_values_pass() -> None:
    from midmix.curation.decontaminate.bit_filter import bit_filter, filter_bits, filter_block

    rng = np.random.default_rng(0)
    values = rng.integers(1, 2**64, 5000, np.uint64)
    blocks = bit_filter(values)
    holds = [blocks[int(filter_block(v, blocks.size))] & filter_bits(v) == filter_bits(v) for v in values]
    others = rng.integers(1, 2**64, 5000, np.uint64)
    passed = [blocks[int(filter_block(v, blocks.size))] & filter_bits(v) == filter_bits(v) for v in others]
    assert all(holds)
    assert np.mean(passed) < 0.05
