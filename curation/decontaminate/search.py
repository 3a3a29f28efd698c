"""The search kernel: tokens, grams that the index holds, windows where they gather, alignments, verdicts.

A text is read through a buffer of BUFFER tokens whose last OVERLAP stay for the next look, so that memory is bounded
and a place is seen whole; what is found of a text depends on no other text and on no set but the item's own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.clean import text_buffers
from midmix.curation.decontaminate.alignment import MOST_WINDOW_TOKENS, Piece, align, make_room
from midmix.curation.decontaminate.bit_filter import filter_bits, filter_block
from midmix.curation.decontaminate.code_span import code_span
from midmix.curation.decontaminate.code_tokens import NEAR, WRITTEN, code_notation, empty_names, scan_code
from midmix.curation.decontaminate.grams import UNUSED, gram_hashes
from midmix.curation.decontaminate.index import Lookup, find_slot
from midmix.curation.decontaminate.notation import notation
from midmix.curation.decontaminate.tokens import AT, MOST_AT_ONCE, STATE_SLOTS, Tokens, empty_tokens, scan
from midmix.curation.decontaminate.verdict import NONE, judge
from midmix.jit import njit

BUFFER, OVERLAP = 32_768, 2_048
# Numbers that tell of a place.
ROW = 6
# A place is looked at closer when grams of this share of a piece's weight gather there.
_SHARE = 0.06
_LEAST_HITS = 2
assert OVERLAP > MOST_WINDOW_TOKENS


class Scratch(NamedTuple):
    """Memory that is made once per call: of tokens, of pieces, and of what was found."""

    tokens: Tokens
    grams: npt.NDArray[np.uint64]
    found: npt.NDArray[np.int64]
    found_slots: npt.NDArray[np.uint64]
    codes: npt.NDArray[np.uint32]
    seen: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]
    hits: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    touched: npt.NDArray[np.int64]


def _scratch(lookup: Lookup) -> Scratch:
    pieces = len(lookup.starts)
    return Scratch(
        empty_tokens(BUFFER + MOST_AT_ONCE),
        np.zeros(BUFFER + MOST_AT_ONCE, np.uint64), np.zeros(BUFFER, np.int64), np.zeros(BUFFER, np.uint64),
        np.zeros(BUFFER + MOST_AT_ONCE, np.uint32),
        np.full(len(lookup.pieces), -1, np.int64),
        np.zeros(pieces), np.zeros(pieces, np.int64), np.zeros(pieces, np.int64), np.zeros(pieces, np.int64),
    )  # fmt: skip


@njit(_nrt=False)
def _known_grams(grams, count, blocks, slots, found, found_slots):  # type: ignore[no-untyped-def]
    """Write place and slot of the grams that the index holds; how many."""
    filled = 0
    for at in range(count):
        gram = grams[at]
        bits = filter_bits(gram)
        if blocks[filter_block(gram, blocks.size)] & bits != bits or gram == UNUSED:
            continue
        slot = find_slot(slots, gram)
        if slots[slot] == gram:
            found[filled] = at
            found_slots[filled] = slot
            filled += 1
    return filled


@njit
def _candidates(count, moment, s, index):  # type: ignore[no-untyped-def]
    """Count the hits of each piece; (pieces with enough of them in `s.touched`, touched pieces, hits of the former)."""
    touched = 0
    for k in range(count):
        slot = s.found_slots[k]
        for posting in range(index.firsts[slot], index.lasts[slot]):
            piece = index.pieces[posting]
            if s.hits[piece] == 0:
                s.touched[touched] = piece
                touched += 1
                s.weights[piece] = 0.0
            s.hits[piece] += 1
            if s.seen[posting] != moment:
                s.seen[posting] = moment
                s.weights[piece] += index.weights[posting]
    chosen, hits = 0, 0
    for k in range(touched):
        piece = s.touched[k]
        s.starts[piece] = -1
        if s.hits[piece] >= _LEAST_HITS and s.weights[piece] >= _SHARE * index.totals[piece]:
            s.starts[piece] = hits
            hits += s.hits[piece]
            chosen += 1
            s.touched[k], s.touched[chosen - 1] = s.touched[chosen - 1], piece
    return chosen, touched, hits


@njit
def _gather(count, s, index, places, postings):  # type: ignore[no-untyped-def]
    """Sort the hits of the chosen pieces by piece, in the order of the text; `s.starts` then stands behind each."""
    for k in range(count):
        slot = s.found_slots[k]
        for posting in range(index.firsts[slot], index.lasts[slot]):
            at = s.starts[index.pieces[posting]]
            if at >= 0:
                places[at] = s.found[k]
                postings[at] = posting
                s.starts[index.pieces[posting]] += 1


@njit
def _best_window(places, postings, weights, first, last, span, least):  # type: ignore[no-untyped-def]
    """(first hit, weight) of the heaviest window of `span` tokens near the first one that weighs enough, else (-1, 0).

    Windows that start up to twice the span behind the first heavy one are compared.
    """
    low, weight = first, 0.0
    best_low, best, limit = -1, 0.0, 0
    for high in range(first, last):
        if best_low >= 0 and places[high] > limit:
            break
        weight += weights[postings[high]]
        while places[high] - places[low] > span:
            weight -= weights[postings[low]]
            low += 1
        if weight >= least and high > low and weight > best:
            if best_low < 0:
                limit = places[low] + 2 * span
            best_low, best = low, weight
    return best_low, best


@njit
def _grown(array, size):  # type: ignore[no-untyped-def]
    """A longer copy of an array, with room for `size` and more."""
    out = np.zeros(max(size, 2 * array.size), array.dtype)
    for k in range(array.size):
        out[k] = array[k]
    return out


@njit
def _judge_piece(doc, piece, start, n, first, last, places, postings, s, index, room, rows, shares, filled):  # type: ignore[no-untyped-def]
    """Align a piece where its hits gather, from left to right; write the places that tell. (rows, shares, how many)."""
    begin, end = index.starts[piece], index.ends[piece]
    length = end - begin
    span = np.int64(length * 1.3) + 12
    wanted = Piece(
        index.codes[begin:end],
        index.classes[begin:end],
        index.token_weights[begin:end],
        index.words[piece],
        index.numbers[piece],
    )
    while True:
        hit, weight = _best_window(places, postings, index.weights, first, last, span, _SHARE * index.totals[piece])
        if hit < 0:
            return rows, shares, filled
        left = max(0, places[hit] - np.int64(index.places[postings[hit]] * 1.3) - 12)
        right = min(n, left + np.int64(length * 1.6) + 60)
        share = weight / index.totals[piece]
        low, high, evidence = align(wanted, s.codes[left:right], s.tokens.classes[left:right], share, room)
        label, rule = judge(evidence, index.kinds[piece])
        behind = places[hit] + span
        if label != NONE:
            if filled == shares.size:
                rows, shares = _grown(rows, 0), _grown(shares, 0)
            at = filled * ROW
            rows[at], rows[at + 1], rows[at + 2], rows[at + 3] = doc, piece, label, rule
            rows[at + 4] = s.tokens.begins[left + low] - start
            rows[at + 5] = s.tokens.ends[left + high - 1] - start
            shares[filled] = evidence.matched
            filled += 1
            behind = max(left + high, places[hit] + 1)
        while first < last and (first <= hit or places[first] < behind):
            first += 1


@njit
def _look(doc, start, n, moment, s, index, room, places, postings, rows, shares, filled):  # type: ignore[no-untyped-def]
    """Search the tokens in the buffer; the last five arguments as they are then, grown where they had to be."""
    count = gram_hashes(s.tokens.hashes, s.tokens.classes, 0, n, index.gram, s.grams)
    count = _known_grams(s.grams, count, index.filter, index.slots, s.found, s.found_slots)
    if count < _LEAST_HITS:
        return places, postings, rows, shares, filled
    chosen, touched, hits = _candidates(count, moment, s, index)
    if hits > places.size:
        places, postings = _grown(places, hits), _grown(postings, hits)
    if chosen:
        _gather(count, s, index, places, postings)
        for k in range(n):
            s.codes[k] = np.uint32(s.tokens.hashes[k] & np.uint64(0xFFFFFFFF))
    for k in range(touched):
        piece = s.touched[k]
        if k < chosen:
            last = s.starts[piece]
            first = last - s.hits[piece]
            rows, shares, filled = _judge_piece(
                doc, piece, start, n, first, last, places, postings, s, index, room, rows, shares, filled
            )
        s.hits[piece] = 0
    return places, postings, rows, shares, filled


@njit
def _search(data, offsets, index, s, room, t, code, names):  # type: ignore[no-untyped-def]
    """Rows int64 [n * ROW] (document, piece, label, rule, first byte, byte after the last), shares of weight float64."""
    state = np.zeros(STATE_SLOTS, np.int64)
    places, postings = np.zeros(1024, np.int64), np.zeros(1024, np.int64)
    rows, shares = np.zeros(64 * ROW, np.int64), np.zeros(64)
    # Plain numbers would have the kernels that are given them compiled twice.
    filled, moment, written, limit = np.int64(0), np.int64(0), np.int64(0), np.int64(BUFFER)
    for doc in range(offsets.size - 1):
        start, end = offsets[doc], offsets[doc + 1]
        first, last = code_span(data, start, end) if index.is_code else (start, end)
        if first == last:
            continue
        state[:] = 0
        state[AT] = first
        if index.is_code:
            state[WRITTEN] = written + NEAR  # further than any name of the text before
        n = np.int64(0)
        while True:
            if index.is_code:
                n = scan_code(data, last, n, limit, state, s.tokens, code, names)
            else:
                n = scan(data, start, end, n, limit, state, s.tokens, t)
            moment += 1
            places, postings, rows, shares, filled = _look(
                doc, start, n, moment, s, index, room, places, postings, rows, shares, filled
            )
            if state[AT] >= last:
                break
            n = _keep_last(s.tokens, n)
        if index.is_code:
            written = state[WRITTEN]
    return rows[: filled * ROW], shares[:filled]


@njit
def _keep_last(tokens, n):  # type: ignore[no-untyped-def]
    """Move the last OVERLAP tokens to the front; how many there are."""
    kept = min(n, np.int64(OVERLAP))
    for k in range(kept):
        tokens.hashes[k] = tokens.hashes[n - kept + k]
        tokens.classes[k] = tokens.classes[n - kept + k]
        tokens.begins[k] = tokens.begins[n - kept + k]
        tokens.ends[k] = tokens.ends[n - kept + k]
    return kept


def search(texts: pa.LargeStringArray, lookup: Lookup) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Places of pieces in texts, in no order within a text, seen twice where two looks share them.

    Rows int64 [n, 6]: text (its ordinal), piece, label, rule, first byte, byte after the last, in the text's own bytes;
    float64 [n]: share of the piece's weight that was found.
    """
    bounds, data = text_buffers(texts)
    rows, shares = _search(
        data, bounds, lookup, _scratch(lookup), make_room(), notation(), code_notation(), empty_names()
    )
    return rows.reshape(-1, ROW), shares
