"""What can be found of evaluation items at all: ITEM_COVERAGE."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pyarrow as pa

from midmix.curation.decontaminate.fields import ANSWER, BODY, FIELDS, Field
from midmix.curation.decontaminate.find import ALIGNMENT, EMBEDDING, STRUCTURE, ngram_layer
from midmix.curation.decontaminate.index import SetIndex, index_code, index_items
from midmix.curation.decontaminate.ngrams import set_grams
from midmix.tables import ITEM_COVERAGE

TOO_SHORT, NO_RARE_WORDS, CHOICE_ONLY = "too short", "no rare words", "multiple choice only"
# Grams that must be found before a field is aligned.
_LEAST_POSTINGS = 2


def coverage(name: str, items: pa.Table, ngrams: Collection[int], *, embeddings: bool = False) -> pa.Table:
    """Rows of ITEM_COVERAGE of one set, sorted by item, field and layer."""
    index = index_items(name, items)
    has_choices = [bool(choices) for choices in items.column("choices").to_pylist()]
    rows = [
        *_aligned(index, ALIGNMENT, has_choices),
        *_aligned(index_code(name, items), STRUCTURE, has_choices),
        *_exact(name, items, has_choices, ngrams),
        *(_embedded(index, has_choices) if embeddings else ()),
    ]
    rows.sort(key=lambda row: (row["item"], row["field"], row["layer"]))
    return pa.Table.from_pylist(rows, ITEM_COVERAGE.schema())


def _aligned(index: SetIndex, layer: str, has_choices: list[bool]) -> Iterator[dict[str, Any]]:
    for number, field in enumerate(index.fields):
        reason = None if index.num_postings[number] >= _LEAST_POSTINGS else NO_RARE_WORDS
        if not index.is_long[number]:
            reason = _short(field, has_choices)
        yield _row(index.name, field, layer, int(index.num_tokens[number]), reason)


def _embedded(index: SetIndex, has_choices: list[bool]) -> Iterator[dict[str, Any]]:
    """A field without rare n-grams can be found, since its embedding proposes it."""
    for number, field in enumerate(index.fields):
        reason = None if index.is_long[number] else _short(field, has_choices)
        yield _row(index.name, field, EMBEDDING, int(index.num_tokens[number]), reason)


def _exact(name: str, items: pa.Table, has_choices: list[bool], ngrams: Collection[int]) -> Iterator[dict[str, Any]]:
    for n in ngrams:
        grams = set_grams(name, items, n, n)
        for field, words in zip(grams.fields, grams.num_words, strict=True):
            yield _row(name, field, ngram_layer(n), int(words), _short(field, has_choices) if words < n else None)


def _short(field: Field, has_choices: list[bool]) -> str:
    """Why a short field cannot be found: an answer that only names a choice is no text at all."""
    return CHOICE_ONLY if field.code in (ANSWER, BODY) and has_choices[field.row] else TOO_SHORT


def _row(name: str, field: Field, layer: str, tokens: int, reason: str | None) -> dict[str, Any]:
    return {
        "set": name, "item": field.item, "field": FIELDS[field.code], "layer": layer, "num_tokens": tokens,
        "detectable": reason is None, "reason": reason,
    }  # fmt: skip
