"""The index of evaluation items: 5-grams that tell an item, and the items' tokens with how rare each is in its set.

What is rare is asked within one set alone, so that what is found of a set does not depend on which others are loaded.
The weight of a gram or word that d of a set's n items have is 1 - ln d / ln n; grams of more than MOST_ITEMS items are
not looked up. Fields too long to align at once are cut into pieces that overlap by half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.decontaminate.alignment import MOST_FIELD_TOKENS, SCALE
from midmix.curation.decontaminate.bit_filter import bit_filter
from midmix.curation.decontaminate.code_tokens import tokenize_code
from midmix.curation.decontaminate.fields import ANSWER, BODY, QUESTION, Field, field_texts, item_fields
from midmix.curation.decontaminate.grams import UNUSED, gram_hashes
from midmix.curation.decontaminate.notation import NUMBER, OPERATOR
from midmix.curation.decontaminate.tokens import Tokens, take, tokenize
from midmix.curation.decontaminate.verdict import (
    ANSWER_FIELD,
    BODY_FIELD,
    CODE_FIELD,
    PLAIN_FIELD,
    QUESTION_FIELD,
    is_long_enough,
)
from midmix.jit import njit
from midmix.tables import TEXT

MOST_ITEMS = 64
# Tokens of a gram: structure alone says less than words do.
TEXT_GRAM, CODE_GRAM = 5, 8
# Items that a smaller set counts as: two items that share a gram are no reason to ignore it.
_LEAST_ITEMS = 128
# A word of every item still tells a little; an operator never tells much.
_LEAST_WEIGHT, _MOST_OPERATOR_WEIGHT = 0.15, 0.3


class Lookup(NamedTuple):
    """What the search kernel is given.

    gram: tokens of a gram; is_code: whether texts are read by code_tokens; filter: see bit_filter.
    slots: uint64, grams by open addressing, 0 where free; firsts, lasts: int64, their range of postings.
    pieces, places: int32, weights: float64: of each posting.
    starts, ends: int64, tokens of each piece; codes: uint32, classes: uint8, token_weights: int32: of each token.
    totals: float64, weight of the grams of each piece; words, numbers: int64, see Piece; kinds: uint8, see verdict.
    """

    gram: int
    is_code: bool
    filter: npt.NDArray[np.uint64]
    slots: npt.NDArray[np.uint64]
    firsts: npt.NDArray[np.int64]
    lasts: npt.NDArray[np.int64]
    pieces: npt.NDArray[np.int32]
    places: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float64]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    codes: npt.NDArray[np.uint32]
    classes: npt.NDArray[np.uint8]
    token_weights: npt.NDArray[np.int32]
    totals: npt.NDArray[np.float64]
    words: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class SetIndex:
    """One set: its fields; columns of pieces, tokens and postings.

    Of each field: num_tokens, num_postings: int64; is_long: bool, whether it can be told from chance.
    """

    name: str
    gram: int
    fields: list[Field]
    num_tokens: npt.NDArray[np.int64]
    num_postings: npt.NDArray[np.int64]
    is_long: npt.NDArray[np.bool_]
    pieces: dict[str, npt.NDArray[Any]]
    tokens: dict[str, npt.NDArray[Any]]
    postings: dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class AlignmentIndex:
    """Several sets in one: piece_sets, piece_fields: int64 [pieces], place in `sets` and in the set's fields."""

    sets: tuple[SetIndex, ...]
    lookup: Lookup
    piece_sets: npt.NDArray[np.int64]
    piece_fields: npt.NDArray[np.int64]


def index_items(name: str, items: pa.Table) -> SetIndex:
    """The index of one set's rows of EVALUATION_ITEMS, by what their fields say."""
    fields = item_fields(items)
    offsets, tokens = tokenize(field_texts(fields))
    kinds = {ANSWER: ANSWER_FIELD, BODY: BODY_FIELD, QUESTION: QUESTION_FIELD}
    return _index(
        name, fields, offsets, tokens, [kinds.get(f.code, PLAIN_FIELD) for f in fields], TEXT_GRAM, items.num_rows
    )


def index_code(name: str, items: pa.Table) -> SetIndex:
    """The index of one set's rows of EVALUATION_ITEMS, by the structure of their bodies of code."""
    fields = [field for field in item_fields(items) if field.code == BODY]
    offsets, tokens = tokenize_code(pa.array([field.before + field.text for field in fields], TEXT))
    # A name's last use may lie in the prompt, whose own tokens are looked for elsewhere.
    heads = np.array([len(field.before.encode()) for field in fields], np.int64)
    sizes = np.array([len(field.before.encode()) + len(field.text.encode()) for field in fields], np.int64)
    first_bytes = np.cumsum(sizes) - sizes + heads
    in_body = tokens.begins >= np.repeat(first_bytes, np.diff(offsets))
    counts = np.concatenate([[0], np.cumsum(in_body)])[offsets].astype(np.int64)
    tokens = take(tokens, in_body)
    return _index(name, fields, counts, tokens, [CODE_FIELD] * len(fields), CODE_GRAM, items.num_rows)


def _index(
    name: str,
    fields: list[Field],
    offsets: npt.NDArray[np.int64],
    tokens: Tokens,
    kinds: Sequence[int],
    gram: int,
    num_items: int,
) -> SetIndex:
    num_items = max(num_items, _LEAST_ITEMS)
    of_token = np.repeat(np.array([field.row for field in fields], np.int64), np.diff(offsets))
    pieces = _pieces(kinds, offsets)
    weights = _LEAST_WEIGHT + (1 - _LEAST_WEIGHT) * _rarity(_items_with(tokens.hashes, of_token), num_items)
    weights[tokens.classes == OPERATOR] = np.minimum(weights[tokens.classes == OPERATOR], _MOST_OPERATOR_WEIGHT)
    columns: dict[str, npt.NDArray[Any]] = {
        "codes": _codes(tokens.hashes),
        "classes": tokens.classes,
        "token_weights": np.round(weights * SCALE).astype(np.int32),
    }
    pieces |= _piece_sums(pieces, columns)
    postings, pieces["totals"] = _postings(tokens, offsets, of_token, pieces, gram, num_items)
    num_postings = np.bincount(pieces["fields"][postings["pieces"]], minlength=len(fields))
    is_long = np.zeros(len(fields), np.bool_)
    for field, kind, numbers in zip(pieces["fields"], pieces["kinds"], pieces["numbers"], strict=True):
        is_long[field] |= is_long_enough(offsets[field + 1] - offsets[field], numbers, kind)
    return SetIndex(name, gram, fields, np.diff(offsets), num_postings, is_long, pieces, columns, postings)


def _codes(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint32]:
    return (hashes & np.uint64(0xFFFFFFFF)).astype(np.uint32)


def _rarity(items: npt.NDArray[np.int64], num_items: int) -> npt.NDArray[np.float64]:
    return np.asarray(1 - np.log(np.maximum(items, 1)) / np.log(num_items))


def _items_with(values: npt.NDArray[np.uint64], items: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many items hold each value, at every place of it: int64 like `values`."""
    order = np.lexsort((items, values))
    sorted_values, sorted_items = values[order], items[order]
    opens = np.ones(len(order), np.bool_)
    opens[1:] = sorted_values[1:] != sorted_values[:-1]
    group = np.cumsum(opens) - 1
    new = opens.copy()
    new[1:] |= sorted_items[1:] != sorted_items[:-1]
    out = np.empty(len(order), np.int64)
    out[order] = np.bincount(group, weights=new).astype(np.int64)[group] if len(order) else 0
    return out


def _pieces(kinds: Sequence[int], offsets: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[Any]]:
    """Field, range of tokens and kind of each piece; `kinds` are of the fields."""
    out: list[tuple[int, int, int, int]] = []
    for number, kind in enumerate(kinds):
        start, end = int(offsets[number]), int(offsets[number + 1])
        firsts = [*range(start, max(start, end - MOST_FIELD_TOKENS), MOST_FIELD_TOKENS // 2)]
        for first in [*firsts, max(start, end - MOST_FIELD_TOKENS)]:
            last = min(end, first + MOST_FIELD_TOKENS)
            out.append((number, first, last, kind))
    table = np.array(out, np.int64).reshape(-1, 4)
    return {
        "fields": table[:, 0], "starts": table[:, 1].copy(), "ends": table[:, 2].copy(),
        "kinds": table[:, 3].astype(np.uint8),
    }  # fmt: skip


def _piece_sums(pieces: dict[str, npt.NDArray[Any]], tokens: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
    is_number = tokens["classes"] == NUMBER
    words = np.concatenate([[0], np.cumsum(np.where(is_number, 0, tokens["token_weights"]), dtype=np.int64)])
    numbers = np.concatenate([[0], np.cumsum(is_number, dtype=np.int64)])
    starts, ends = pieces["starts"], pieces["ends"]
    return {"words": words[ends] - words[starts], "numbers": numbers[ends] - numbers[starts]}


def _postings(
    tokens: Tokens,
    offsets: npt.NDArray[np.int64],
    of_token: npt.NDArray[np.int64],
    pieces: dict[str, npt.NDArray[Any]],
    gram: int,
    num_items: int,
) -> tuple[dict[str, npt.NDArray[Any]], npt.NDArray[np.float64]]:
    """(grams, pieces, places, weights of postings; weight of all grams of each piece)."""
    grams = np.zeros(len(tokens.hashes), np.uint64)
    for start, end in pairwise(offsets):
        gram_hashes(tokens.hashes, tokens.classes, start, end, gram, grams[start:end])
    used = np.flatnonzero(grams != UNUSED)
    holders = np.zeros(len(grams), np.int64)
    holders[used] = _items_with(grams[used], of_token[used])
    weights = np.where(grams != UNUSED, _rarity(holders, num_items), 0.0)
    found, totals = [], np.zeros(len(pieces["starts"]))
    for piece, (start, end) in enumerate(zip(pieces["starts"], pieces["ends"], strict=True)):
        at = np.arange(start, max(start, end - gram + 1))
        totals[piece] = weights[at].sum()
        at = at[(weights[at] > 0) & (holders[at] <= MOST_ITEMS)]
        found.append(np.stack([np.full(len(at), piece), at - start, at]))
    rows = np.concatenate(found, axis=1) if found else np.zeros((3, 0), np.int64)
    return {"grams": grams[rows[2]], "pieces": rows[0], "places": rows[1], "weights": weights[rows[2]]}, totals


def combine(sets: Sequence[SetIndex]) -> AlignmentIndex:
    """One index over several sets, at least one, of one layer, for one pass over the texts."""
    num_pieces = [len(s.pieces["starts"]) for s in sets]
    num_tokens = [len(s.tokens["codes"]) for s in sets]
    first_piece, first_token = _firsts(num_pieces), _firsts(num_tokens)

    def postings(name: str) -> npt.NDArray[Any]:
        return np.concatenate([s.postings[name] for s in sets])

    def of_pieces(name: str) -> npt.NDArray[Any]:
        return np.concatenate([s.pieces[name] for s in sets])

    def of_tokens(name: str) -> npt.NDArray[Any]:
        return np.concatenate([s.tokens[name] for s in sets])

    grams = postings("grams")
    piece = np.concatenate([s.postings["pieces"] + first for s, first in zip(sets, first_piece, strict=True)])
    order = np.lexsort((postings("places"), piece, grams))
    distinct, firsts = np.unique(grams[order], return_index=True)
    slots, slot_firsts, slot_lasts = _hash_table(distinct, firsts, np.append(firsts[1:], len(order)))
    shift = np.repeat(first_token, num_pieces)
    lookup = Lookup(
        sets[0].gram, sets[0].gram == CODE_GRAM, bit_filter(distinct), slots, slot_firsts, slot_lasts,
        piece[order].astype(np.int32), postings("places")[order].astype(np.int32), postings("weights")[order],
        of_pieces("starts") + shift, of_pieces("ends") + shift,
        of_tokens("codes"), of_tokens("classes"), of_tokens("token_weights"),
        of_pieces("totals"), of_pieces("words"), of_pieces("numbers"), of_pieces("kinds"),
    )  # fmt: skip
    return AlignmentIndex(tuple(sets), lookup, np.repeat(np.arange(len(sets)), num_pieces), of_pieces("fields"))


def _firsts(sizes: Sequence[int]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(sizes)])[:-1].astype(np.int64)


def _hash_table(
    grams: npt.NDArray[np.uint64], firsts: npt.NDArray[np.int64], lasts: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    size = 1 << max(4, (2 * len(grams)).bit_length())
    slots, out_firsts, out_lasts = np.zeros(size, np.uint64), np.zeros(size, np.int64), np.zeros(size, np.int64)
    _fill_table(grams, firsts.astype(np.int64), lasts.astype(np.int64), slots, out_firsts, out_lasts)
    return slots, out_firsts, out_lasts


@njit
def _fill_table(grams, firsts, lasts, slots, out_firsts, out_lasts):  # type: ignore[no-untyped-def]
    for k in range(grams.size):
        slot = find_slot(slots, grams[k])
        slots[slot], out_firsts[slot], out_lasts[slot] = grams[k], firsts[k], lasts[k]


@njit(inline="always")
def find_slot(slots, gram):  # type: ignore[no-untyped-def]
    """The slot of a gram, or the free one where it would stand."""
    last = np.uint64(slots.size - 1)
    slot = gram >> np.uint64(20) & last
    while slots[slot] != 0 and slots[slot] != gram:
        slot = slot + np.uint64(1) & last
    return slot
