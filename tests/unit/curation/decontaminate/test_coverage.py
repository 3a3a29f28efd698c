"""What the coverage report says of items."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from midmix.curation.decontaminate.coverage import coverage
from midmix.tables import EVALUATION_ITEMS, ITEM_COVERAGE

LONG = "Nobody in the village had ever seen a clock with as many as 13 hands before that winter."


def covered(*rows: dict[str, Any], ngrams: tuple[int, ...] = ()) -> dict[tuple[int, str, str], tuple[int, str | None]]:
    """(item, field, layer) to (tokens, reason)."""
    empty = dict.fromkeys(EVALUATION_ITEMS.schema().names) | {"set": "s", "role": "benchmark", "answer": ""}
    items = pa.Table.from_pylist([empty | {"item": i} | row for i, row in enumerate(rows)], EVALUATION_ITEMS.schema())
    table = coverage("s", items, ngrams)
    assert table.schema == ITEM_COVERAGE.schema()
    found = table.to_pylist()
    keys = [tuple(row[name] for name in ITEM_COVERAGE.key) for row in found]
    assert keys == sorted(set(keys))
    assert all(row["detectable"] == (row["reason"] is None) for row in found)
    return {(r["item"], r["field"], r["layer"]): (r["num_tokens"], r["reason"]) for r in found}


def test_long_and_short() -> None:
    assert covered({"question": LONG, "answer": "13"}) == {
        (0, "answer", "alignment"): (1, "too short"), (0, "question", "alignment"): (18, None),
    }  # fmt: skip


def test_a_short_question_with_two_numbers() -> None:
    found = covered(
        {"question": "How many pens are 45 red and 7 blue?"}, {"question": "How many pens are 45 red and blue then?"}
    )
    assert found == {(0, "question", "alignment"): (9, None), (1, "question", "alignment"): (9, "too short")}


def test_choices() -> None:
    found = covered(
        {"question": "Who rang?", "answer": "B", "choices": ["Ann and all of her many younger sisters", "Bo"]}
    )
    assert found == {
        (0, "answer", "alignment"): (1, "multiple choice only"), (0, "choices", "alignment"): (11, "too short"),
        (0, "question", "alignment"): (2, "too short"),
    }  # fmt: skip


def test_what_all_items_share_is_not_rare() -> None:
    found = covered(*[{"question": LONG}] * 65)
    assert set(found.values()) == {(18, "no rare words")}


def test_ngrams() -> None:
    found = covered({"question": LONG, "answer": "one two three"}, ngrams=(3, 30))
    assert found[0, "question", "30-gram"] == (18, "too short")
    assert found[0, "question", "3-gram"] == (18, None)
    assert found[0, "answer", "3-gram"] == (3, None)


def test_no_items() -> None:
    assert covered() == {}


def test_embeddings_propose_what_has_no_rare_words() -> None:
    empty = dict.fromkeys(EVALUATION_ITEMS.schema().names) | {"set": "s", "role": "benchmark", "answer": "13"}
    items = pa.Table.from_pylist([empty | {"item": i, "question": LONG} for i in range(65)], EVALUATION_ITEMS.schema())
    found = coverage("s", items, (), embeddings=True).filter(pc.field("item") == 3).to_pylist()
    assert [(row["field"], row["layer"], row["reason"]) for row in found] == [
        ("answer", "alignment", "too short"), ("answer", "embedding", "too short"),
        ("question", "alignment", "no rare words"), ("question", "embedding", None),
    ]  # fmt: skip
