"""Leak search on small texts: what is found, where, and that nothing else matters to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from midmix.curation.decontaminate.alignment import MOST_FIELD_TOKENS
from midmix.curation.decontaminate.find import FOUND, build_index, find_leaks_in, unite
from midmix.curation.decontaminate.search import BUFFER
from midmix.tables import EVALUATION_ITEMS, TEXT

QUESTION = (
    "Wendelin sells 48 painted clogs in April and half as many in May. Each clog brings him 7 florins, of which the "
    "guild takes 2. How many florins does Wendelin take home from both months together?"
)
ANSWER = (
    "In May he sold 48/2 = <<48/2=24>>24 clogs. Together these are 48+24 = <<48+24=72>>72 clogs. "
    "After the guild's toll each leaves 7-2 = 5 florins, so he takes home 72*5 = 360 florins.\n#### 360"
)
FILLER = "The harbour was quiet that morning and nobody had seen the old ferry leave before sunrise. "


def items(*rows: tuple[str, str], name: str = "s", **columns: Any) -> pa.Table:
    empty = dict.fromkeys(EVALUATION_ITEMS.schema().names)
    return pa.Table.from_pylist(
        [
            empty | {"set": name, "role": "benchmark", "item": i, "question": q or None, "answer": a} | columns
            for i, (q, a) in enumerate(rows)
        ],
        EVALUATION_ITEMS.schema(),
    )


def find(texts: list[str], table: pa.Table) -> list[tuple[int, int, str, str, str]]:
    """(document, item, field, label, matched text) of every row."""
    rows = find_leaks_in(pa.array(texts, TEXT), build_index(table))
    assert rows.schema == FOUND
    return [
        (
            r["document"],
            r["item"],
            r["field"],
            r["label"],
            texts[r["document"]].encode()[r["start_byte"] : r["end_byte"]].decode(),
        )
        for r in rows.to_pylist()
    ]


def test_verbatim_with_its_place() -> None:
    text = f"été. {FILLER}{QUESTION} {FILLER}"
    assert find([text], items((QUESTION, ANSWER))) == [(0, 0, "question", "leak", QUESTION[:-1])]


@pytest.mark.parametrize(
    "rewrite",
    [
        str.upper, lambda q: q.replace(" ", "\n "), lambda q: q.replace("Wendelin", "Ottilie").replace("clog", "skate"),
        lambda q: " ".join(q.split()[:20]), lambda q: " ".join(q.split()[-20:]), lambda q: f"<p>{q.replace('. ', '.</p><p>')}</p>",
        lambda q: q.replace("48", "forty-eight").replace("7", "seven"),
    ],
)  # fmt: skip
def test_rewritten(rewrite: Any) -> None:
    found = find([FILLER + rewrite(QUESTION) + FILLER], items((QUESTION, "7")))
    assert [row[:4] for row in found] == [(0, 0, "question", "leak")]


def test_other_numbers_are_a_variant() -> None:
    text = QUESTION.replace("48", "64").replace("7", "9").replace("2", "3")
    assert [row[3] for row in find([text], items((QUESTION, ANSWER)))] == ["variant"]


def test_the_answer_alone_and_without_calculator_marks() -> None:
    import re

    bare = re.sub("<<[^>]*>>", "", ANSWER)
    found = find([FILLER + ANSWER, bare], items((QUESTION, ANSWER)))
    assert [row[:4] for row in found] == [(0, 0, "answer", "leak"), (1, 0, "answer", "leak")]


def test_the_same_topic_is_no_leak() -> None:
    texts = [
        FILLER * 20,
        "Wendelin sells painted clogs. Each clog brings him florins, of which the guild takes some.",
        "In April he sold 48 and in May half as many as in April.",
    ]
    assert find(texts, items((QUESTION, ANSWER))) == []


def test_every_place_of_a_text() -> None:
    text = FILLER.join([QUESTION] * 5)
    found = find([text], items((QUESTION, "7")))
    assert [row[4] for row in found] == [QUESTION[:-1]] * 5


def test_a_text_of_many_buffers() -> None:
    """Wherever it stands, also across the edge of a buffer, it is found once."""
    words = len(FILLER.split())
    for offset in (0, 5, 20, 41):
        fillers = (BUFFER - 20 + offset) // words
        text = f"{'x ' * offset}{FILLER * fillers}{QUESTION} {FILLER * fillers * 2}{QUESTION}"
        found = find([text, QUESTION], items((QUESTION, "7")))
        assert [row[0] for row in found] == [0, 0, 1]
        assert [row[4] for row in found] == [QUESTION[:-1]] * 3


def test_a_field_longer_than_one_alignment() -> None:
    rng = np.random.default_rng(0)
    passage = " ".join(f"w{n}" for n in rng.integers(0, 4000, 3 * MOST_FIELD_TOKENS))
    table = items(("Who wrote it?", "B"), passage=passage)
    part = passage[len(passage) // 2 :][: len(passage) // 4].partition(" ")[2].rpartition(" ")[0]
    found = find([passage, FILLER + part + " " + FILLER, part[:50]], table)
    assert [row[:4] for row in found] == [(0, 0, "passage", "leak"), (1, 0, "passage", "leak")]
    assert found[0][4] == passage
    assert found[1][4] == part


def test_nothing_depends_on_other_texts_or_sets() -> None:
    other = items((QUESTION.replace("florins", "ducats"), ANSWER), (FILLER * 2, "no"), name="t")
    texts = [FILLER * 3, QUESTION + FILLER + ANSWER, QUESTION.replace("48", "50"), FILLER + ANSWER]
    table = items((QUESTION, ANSWER))
    both = find_leaks_in(pa.array(texts, TEXT), build_index(pa.concat_tables([other, table]))).to_pylist()
    alone = find_leaks_in(pa.array(texts, TEXT), build_index(table)).to_pylist()
    assert [row for row in both if row["set"] == "s"] == alone
    assert {row["set"] for row in both} == {"s", "t"}
    for place, text in enumerate(texts):
        single = find_leaks_in(pa.array([text], TEXT), build_index(table)).to_pylist()
        assert [row | {"document": place} for row in single] == [row for row in alone if row["document"] == place]


def test_rows_are_sorted() -> None:
    table = items(*[(QUESTION.replace("48", str(n)), ANSWER) for n in range(60, 64)])
    rows = find_leaks_in(pa.array([ANSWER, QUESTION + ANSWER], TEXT), build_index(table, ngrams=(5,))).to_pylist()
    keys = [(r["document"], r["set"], r["item"], r["field"], r["layer"], r["start_byte"]) for r in rows]
    assert keys == sorted(set(keys))
    assert {r["layer"] for r in rows} == {"alignment", "5-gram"}


def test_an_item_that_all_of_a_set_share_is_not_looked_for() -> None:
    assert find([QUESTION], items(*[(QUESTION, "7")] * 65)) == []
    assert len(find([QUESTION], items(*[(QUESTION, "7")] * 64))) == 64


def test_no_items_no_texts_no_words() -> None:
    empty = EVALUATION_ITEMS.schema().empty_table()
    assert find([QUESTION], empty) == []
    assert find([], items((QUESTION, ANSWER))) == []
    assert find(["", " ", "?"], items((QUESTION, ANSWER), ("", ""), ("x", "y"))) == []


def test_places_that_overlap_are_one() -> None:
    rows = np.array(
        [
            [0, 0, 0, 1, 3, 10, 50],
            [0, 0, 0, 0, 0, 5, 20],
            [0, 0, 0, 1, 1, 49, 60],
            [0, 0, 0, 1, 1, 60, 70],
            [0, 0, 1, 1, 2, 65, 66],
        ]
    )
    united, shares = unite(rows, np.array([0.9, 0.5, 0.8, 0.7, 0.6]))
    assert united.tolist() == [[0, 0, 0, 0, 0, 5, 60], [0, 0, 0, 1, 1, 60, 70], [0, 0, 1, 1, 2, 65, 66]]
    assert shares.tolist() == [0.5, 0.7, 0.6]


@pytest.mark.full
@pytest.mark.parametrize(
    "around", ["1 2 3 ", "{", "\\frac", "'''", "    return x + y\n", "²", "how many does she have left "]
)
def test_texts_of_32_megabytes(around: str) -> None:
    """Nothing is skipped, whatever surrounds an item, and memory stays bounded."""
    import resource

    index = build_index(items((QUESTION, ANSWER)))
    find_leaks_in(pa.array([QUESTION], TEXT), index)
    filler = around * (16_000_000 // len(around))
    text = f"\n\n{QUESTION}\n\n".join(["", filler, filler, ""])
    texts = pa.array([text], TEXT)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = find_leaks_in(texts, index).to_pylist()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert [(row["field"], row["label"]) for row in rows] == [("question", "leak")] * 3
    assert grown < 16_000_000
