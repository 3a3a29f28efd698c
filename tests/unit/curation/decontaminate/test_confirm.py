"""What words and numbers confirm of a candidate, and what no embedding can make a leak."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from midmix.curation.decontaminate.confirm import confirm
from midmix.curation.decontaminate.index import combine, index_items
from midmix.curation.decontaminate.item_embeddings import set_anchors
from midmix.curation.decontaminate.tokens import tokenize
from midmix.curation.decontaminate.verdict import (
    ANSWER_FIELD,
    BODY_FIELD,
    LABELS,
    PLAIN_FIELD,
    QUESTION_FIELD,
    RULES,
    is_paraphrase,
)
from midmix.tables import EVALUATION_ITEMS, TEXT

ITEM = (
    "Wendelin sells 48 painted clogs on Monday, and half of the remaining 90 clogs on Tuesday. Each clog brings him 7 "
    "florins. How many florins has Wendelin after both days?"
)
REWORDED = (
    "Painted clogs are what Wendelin sells: on Monday 48, then on Tuesday half of 90, all that were remaining. How many "
    "florins are in his purse after these days, if 7 of them come with each of the clogs?"
)
OTHER = "Nobody in the village had ever seen a clock with as many as 13 hands before that long and cold winter."


def confirmed(text: str, item: str = ITEM, texts: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    """(label, rule, the place's text), with a window over the whole text for each thing that is embedded of the item."""
    row: dict[str, Any] = dict.fromkeys(EVALUATION_ITEMS.schema().names)
    row |= {"set": "s", "role": "benchmark", "item": 0, "question": item, "answer": ""}
    index = index_items("s", pa.Table.from_pylist([row], EVALUATION_ITEMS.schema()))
    offsets, tokens = tokenize(pa.array([text, *texts], TEXT))
    anchors = set_anchors(index)
    windows = [[0, 0, int(offsets[1])] for _ in anchors]
    starts = index.pieces["starts"][anchors[:, 0]]
    candidates = np.column_stack([windows, anchors[:, 0], anchors[:, 1] - starts, anchors[:, 2] - starts])
    rows, shares = confirm(candidates, offsets, tokens, combine([index]).lookup)
    assert ((shares > 0) & (shares <= 1)).all()
    return [(LABELS[r[2]], RULES[r[3]], text.encode()[r[4] : r[5]].decode()) for r in rows.tolist()]


def test_verbatim_as_the_default_layer_says() -> None:
    assert confirmed(f"See: {ITEM} Thus") == [("leak", "full", ITEM[:-1])]


def test_other_numbers_as_the_default_layer_says() -> None:
    [(label, rule, _)] = confirmed(ITEM.replace("48", "50"))
    assert (label, rule) == ("variant", "full")


def test_the_item_in_other_words() -> None:
    [(label, rule, place)] = confirmed(f"It rained; nobody came. {REWORDED} Nobody knew.")
    assert (label, rule) == ("leak", "paraphrased")
    assert place.startswith("Painted clogs") and place.endswith("clogs")


@pytest.mark.parametrize(
    ("old", "new"), [("48", "50"), ("half of 90", "half"), ("Wendelin sells", "she has"), ("7 of them", "a few")]
)
def test_other_words_with_other_numbers_are_nothing(old: str, new: str) -> None:
    text = REWORDED.replace(old, new)
    assert text != REWORDED
    assert bool(confirmed(text)) == (old == "Wendelin sells")


def test_the_same_numbers_alone_are_nothing() -> None:
    assert (
        confirmed("Of 90 trains 48 were late, each by 7 minutes, on a day in May that was otherwise quite dull.") == []
    )
    assert confirmed(OTHER) == []


def test_a_number_counts_as_often_as_the_item_has_it() -> None:
    item = ITEM.replace("90", "48")
    text = REWORDED.replace("90", "48")
    assert [row[1] for row in confirmed(text, item)] == ["paraphrased"]
    assert confirmed(text.replace("half of 48", "half"), item) == []


def test_words_of_the_next_document_do_not_count() -> None:
    half = len(REWORDED) // 2
    cut = REWORDED.index(" ", half)
    assert confirmed(REWORDED[:cut], texts=(REWORDED[cut:],)) == []


def test_a_piece_of_a_long_item_is_aligned_with_the_item_around_it() -> None:
    rng = np.random.default_rng(0)
    item = " ".join("".join(letters) for letters in rng.choice(list("abcdefgh"), (400, 4)))
    found = confirmed(f"before {item} behind", item)
    assert found == [("leak", "full", item)] * 4


@pytest.mark.parametrize(
    ("numbers", "present", "held", "kind", "expected"),
    [
        (3, 3, 0.65, QUESTION_FIELD, True), (3, 3, 0.64, QUESTION_FIELD, False), (3, 2, 0.9, QUESTION_FIELD, False),
        (2, 2, 0.75, PLAIN_FIELD, True), (2, 2, 0.74, PLAIN_FIELD, False), (1, 1, 1.0, QUESTION_FIELD, False),
        (5, 5, 0.9, ANSWER_FIELD, False), (5, 5, 0.9, BODY_FIELD, False),
    ],
)  # fmt: skip
def test_the_rule(numbers: int, present: int, held: float, kind: int, expected: bool) -> None:
    assert is_paraphrase(20, numbers, present, held, kind) == expected
    assert not is_paraphrase(19, numbers, present, held, kind)
