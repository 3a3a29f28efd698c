"""Exact n-grams against plain Python on random words: counts, places, and that every verbatim leak is found."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.decontaminate.find import Index, build_index, find_leaks_in
from midmix.tables import EVALUATION_ITEMS, TEXT

NGRAM = 4
WORDS = st.lists(st.sampled_from(["a", "b", "c", "dé", "日本", "7"]), max_size=12)
GAPS = st.sampled_from([" ", ", ", "\n", " “", "_", " = ", "\u00a0"])


@st.composite
def written(draw: st.DrawFn, words: list[str]) -> str:
    """The words with anything that separates between and around them, in any case."""
    pieces = [draw(st.sampled_from(["", " ", "(", "\u3000"]))]
    for word in words:
        pieces += [word.upper() if draw(st.booleans()) else word, draw(GAPS)]
    return "".join(pieces)


def make_index(fields: list[tuple[list[str] | None, list[str]]]) -> Index:
    empty = dict.fromkeys(EVALUATION_ITEMS.schema().names) | {"set": "s", "role": "target"}
    rows: list[dict[str, Any]] = [
        empty | {"item": i, "question": None if q is None else " ".join(q), "answer": " ".join(a)}
        for i, (q, a) in enumerate(fields)
    ]
    return build_index(pa.Table.from_pylist(rows, EVALUATION_ITEMS.schema()), ngrams=(NGRAM,), sets=())


def ngrams(words: list[str]) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1)]


def expected(
    documents: list[list[str]], fields: list[tuple[list[str] | None, list[str]]]
) -> dict[tuple[int, int, str], float]:
    """(document, item, field) to overlap, by sets of tuples."""
    found = {}
    for doc, words in enumerate(documents):
        for item, (question, answer) in enumerate(fields):
            for name, field in (("answer", answer), ("question", question)):
                own = set(ngrams(field or []))
                overlap = len(own & set(ngrams(words))) / max(len(own), 1)
                if overlap:
                    found[doc, item, name] = overlap
    return found


@given(st.data(), st.lists(WORDS, max_size=4), st.lists(st.tuples(st.one_of(st.none(), WORDS), WORDS), max_size=5))
def test_overlaps(
    data: st.DataObject, documents: list[list[str]], fields: list[tuple[list[str] | None, list[str]]]
) -> None:
    texts = [data.draw(written(words)) for words in documents]
    rows = find_leaks_in(pa.array(texts, TEXT), make_index(fields)).to_pylist()
    found = {(r["document"], r["item"], r["field"]): r["overlap"] for r in rows}
    assert found == expected(documents, fields)
    assert list(found) == sorted(found)


@given(
    st.data(), WORDS, st.lists(st.sampled_from(["x", "y", "z"]), max_size=6), WORDS.filter(lambda w: len(w) >= NGRAM)
)
def test_a_verbatim_leak_is_found_where_it_stands(
    data: st.DataObject, before: list[str], between: list[str], answer: list[str]
) -> None:
    """Surrounded by words that are not in the item, the place is exactly that of the item's words."""
    head = data.draw(written(between))
    body = data.draw(written(answer))
    text = f"{head} {body} {data.draw(written(between))}"
    [row] = find_leaks_in(pa.array([text], TEXT), make_index([(None, answer)])).to_pylist()
    matched = text.encode()[row["start_byte"] : row["end_byte"]].decode()
    assert row["overlap"] == 1.0
    assert matched.lower()[: len(answer[0])] == answer[0]
    assert matched.lower().endswith(answer[-1])
    assert text.encode().index(matched.encode()) >= len(head.encode()) - 1
