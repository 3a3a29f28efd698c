"""The profile `prose`: datatrove's, for its MinHash: simplify_text, then spaCy's English words (datatrove 0.10.1, spaCy 3.8).

What is left of ASCII after simplify_text is small letters and 0. Of spaCy's rules for such words two can apply: its list
of words that are cut (`cant` is `ca nt`), and the unit behind a number (`0km` is `0 km`). Chunks with other characters
go to `chunks`.
"""

from __future__ import annotations

import functools
import json
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from midmix.curation.dedup.profiles.batch import PADDING, Batch
from midmix.curation.dedup.profiles.chunks import CHUNK, FIRST, LAST, LENGTH, PLACE, SLOT, WHERE, WORD_BYTES, Chunks
from midmix.curation.dedup.profiles.cutting import put_places
from midmix.curation.dedup.vectors import BLOCK, MAPPED, beyond, simplified, spaces
from midmix.curation.score.words.memory import get8, get32, get64, put8, put32, put64, shift_right, wrapping_multiply
from midmix.curation.score.words.rules import DATA
from midmix.jit import njit

LONGEST = 16  # bytes of a word that is cut, or of a unit
FILTER_BITS = 15  # of a table that says which words are not on the list
SLOTS = 1024
ZERO, SPACE, COMMA, DOT = 0x30, 0x20, 0x2C, 0x2E
LETTER_BIT = 0x4040404040404040  # set in every small letter, and in no 0
MIX = 0x9E3779B97F4A7C15 - (1 << 64)
# Of a slot of the list, int64: the word's bytes twice eight, zeros behind; a bit for every byte before which it is cut.
LOW, HIGH, CUTS = range(3)
LIST_SLOT = 3


class Rules(NamedTuple):
    """Words that are cut: int64 [SLOTS, 3] and the filter before it, uint8; units after numbers are on the same list."""

    words: npt.NDArray[np.int64]
    may_be: npt.NDArray[np.uint8]
    units: npt.NDArray[np.int64]


def _key(word: str) -> tuple[int, int]:
    padded = word.encode().ljust(LONGEST, b"\0")
    return int.from_bytes(padded[:8], "little"), int.from_bytes(padded[8:], "little")


@functools.cache
def rules() -> Rules:
    """The tables, from spaCy's rules as data."""
    data = json.loads(DATA.read_text(encoding="ascii"))
    words, may_be = np.zeros((SLOTS, LIST_SLOT), np.int64), np.zeros(1 << FILTER_BITS, np.uint8)
    for word, pieces in data["specials"].items():
        if not (word.isascii() and word.isalpha() and word.islower()) or len(pieces) == 1:
            continue
        ends = np.cumsum([len(piece) for piece in pieces])[:-1]
        low, high = _key(word)
        mixed = (low * (MIX + (1 << 64))) & ((1 << 64) - 1)
        slot = mixed >> 54
        while words[slot, LOW]:
            slot = (slot + 1) % SLOTS
        words[slot] = low, high, sum(1 << int(end) for end in ends)
        may_be[mixed >> (64 - FILTER_BITS)] = 1
    units = sorted(unit for unit in data["units"] if unit.isascii() and unit.isalpha() and unit.islower())
    return Rules(words, may_be, np.array([_key(unit)[0] for unit in units]))


@njit(inline="always")
def _low_bytes(eight, count):  # type: ignore[no-untyped-def]
    """The lowest `count` of eight bytes, at least one."""
    return eight & shift_right(-1, 64 - 8 * min(count, 8))


@njit
def _cuts_of(words, low, word, length):  # type: ignore[no-untyped-def]
    """The bits of the places at which a word is cut, 0 where it is not on the list."""
    high = _low_bytes(get64(word, 1), length - 8) if length > 8 else 0
    at = shift_right(wrapping_multiply(low, MIX), 54)
    while get64(words, LIST_SLOT * at + LOW):
        if get64(words, LIST_SLOT * at + LOW) == low and get64(words, LIST_SLOT * at + HIGH) == high:
            return get64(words, LIST_SLOT * at + CUTS)
        at = (at + 1) & (SLOTS - 1)
    return 0


@njit
def _put_pieces(word, length, cuts, text, to, starts, ends, tokens):  # type: ignore[no-untyped-def]
    """Write a word in the pieces that it is cut in; (place, tokens) after it."""
    put32(starts, tokens, to)
    for at in range(length):
        if shift_right(cuts, at) & 1:
            put8(text, to, SPACE)
            put32(ends, tokens, to)
            to += 1
            tokens += 1
            put32(starts, tokens, to)
        put8(text, to, get8(word, at))
        to += 1
    put8(text, to, SPACE)
    put32(ends, tokens, to)
    return to + 1, tokens + 1


@njit
def _put_numbers(simple, raw, begins, closes, index, count, text, to):  # type: ignore[no-untyped-def]
    """Write a word that holds digits with one 0 for each number; (place, words used up, place after the last 0)."""
    at, end = get32(begins, index), get32(closes, index)
    index += 1
    after_zero = to
    while at < end:
        byte = get8(simple, at)
        put8(text, to, byte)
        to += 1
        at += 1
        if byte != ZERO:
            continue
        after_zero = to
        while at < end and get8(simple, at) == ZERO:
            at += 1
        mark = get8(raw, at)
        follows = at == end and index < count and get32(begins, index) == at + 1 and get8(simple, at + 1) == ZERO
        if follows and mark in (COMMA, DOT):
            at += 1
            end = get32(closes, index)
            index += 1
            while at < end and get8(simple, at) == ZERO:
                at += 1
    return to, index, after_zero


@njit
def _part_unit(text, after_zero, to, units, num_units):  # type: ignore[no-untyped-def]
    """Put a space before the unit of measure that a word ends in after its last 0, if it does; whether it does."""
    length = to - after_zero
    if length == 0 or length > 8:
        return False
    key = _low_bytes(get64(text + after_zero, 0), length)
    known = False
    for index in range(num_units):
        known = known or get64(units, index) == key
    if known:
        for at in range(to, after_zero, -1):
            put8(text, at, get8(text, at - 1))
        put8(text, after_zero, SPACE)
    return known


@njit(inline="always")
def _copy_word(word, length, target):  # type: ignore[no-untyped-def]
    """Copy a word of which the first eight bytes are there; the bits that its digits lack among the rest."""
    lacking = 0
    at = 8
    while at < length:
        eight = get64(word + at, 0)
        put64(target + at, 0, eight)
        lacking |= _low_bytes(~eight & LETTER_BIT, length - at)
        at += 8
    return lacking


@njit
def _put_words(simple, raw, begins, closes, count, tables, text, to, starts, ends, tokens):  # type: ignore[no-untyped-def]
    """Write `count` words of ASCII; (place, tokens) after them."""
    words, may_be, units, num_units = tables
    index = 0
    while index < count:
        begin = get32(begins, index)
        length = get32(closes, index) - begin
        word = simple + begin
        eight = get64(word, 0)
        put64(text + to, 0, eight)
        lacking = _low_bytes(~eight & LETTER_BIT, length)
        if length > 8:
            lacking |= _copy_word(word, length, text + to)
        if lacking == 0:
            index += 1
            low = _low_bytes(eight, length)
            if get8(may_be, shift_right(wrapping_multiply(low, MIX), 64 - FILTER_BITS)) and length <= LONGEST:
                cuts = _cuts_of(words, low, word, length)
                to, tokens = _put_pieces(word, length, cuts, text, to, starts, ends, tokens)
                continue
            put32(starts, tokens, to)
            to += length
        else:
            put32(starts, tokens, to)
            to, index, after_zero = _put_numbers(simple, raw, begins, closes, index, count, text, to)
            if _part_unit(text, after_zero, to, units, num_units):
                put32(ends, tokens, after_zero)
                tokens += 1
                put32(starts, tokens, after_zero + 1)
                to += 1
        put8(text, to, SPACE)
        put32(ends, tokens, to)
        to += 1
        tokens += 1
    return to, tokens


@njit
def _find_words(simple, at, stop, begins, closes):  # type: ignore[no-untyped-def]
    """Fill the places of the words in a stretch of ASCII; how many."""
    count = closed = 0
    outside = 1
    while at < stop:
        space = spaces(simple + at) | beyond(stop - at)
        before = space << 1 | outside
        outside = shift_right(space, BLOCK - 1)
        count = put_places(~space & before, at, begins, count)
        closed = put_places(space & ~before, at, closes, closed)
        at += BLOCK
    if closed < count:
        put32(closes, closed, stop)
    return count


@njit
def _put_known(words, num_bytes, text, to, starts, ends, tokens):  # type: ignore[no-untyped-def]
    """Write words that have a space behind each; (place, tokens) after them."""
    begins = True
    for at in range(num_bytes):
        byte = get8(words, at)
        put8(text, to + at, byte)
        if byte == SPACE:
            put32(ends, tokens, to + at)
            tokens += 1
        elif begins:
            put32(starts, tokens, to + at)
        begins = byte == SPACE
    return to + num_bytes, tokens


@njit
def _cut(batch, chunks, num_chunks, slots, arena, simple, begins, closes, tables):  # type: ignore[no-untyped-def]
    raw, offsets, documents, num_bytes, text, starts, ends, firsts = batch
    for at in range(0, num_bytes, MAPPED):
        simplified(raw + at, simple + at)
    to = tokens = chunk = 0
    for document in range(documents):
        put64(firsts, document, tokens)
        at, end = get64(offsets, document), get64(offsets, document + 1)
        while at < end:
            known = chunk < num_chunks and get64(chunks, CHUNK * chunk + FIRST) < end
            stop = get64(chunks, CHUNK * chunk + FIRST) if known else end
            count = _find_words(simple, at, stop, begins, closes)
            to, tokens = _put_words(simple, raw, begins, closes, count, tables, text, to, starts, ends, tokens)
            at = stop
            if known:
                slot = slots + 8 * SLOT * get64(chunks, CHUNK * chunk + WHERE)
                words = arena + get64(slot, PLACE) + get64(slot, LENGTH)
                to, tokens = _put_known(words, get64(slot, WORD_BYTES), text, to, starts, ends, tokens)
                at = get64(chunks, CHUNK * chunk + LAST)
                chunk += 1
    put64(firsts, documents, tokens)


@functools.cache
def _own_chunks() -> Chunks:
    return Chunks()


def cut(batch: Batch, dictionary: Chunks | None = None) -> None:
    """Fill the tokens of a batch; they do not depend on the dictionary, by default the process's own."""
    known = dictionary or _own_chunks()
    chunks, word_bytes = known.find(batch)
    size = 3 * batch.num_bytes // 2 + word_bytes + batch.documents
    batch.room(size, size)
    scratch = batch.scratch
    simple = scratch.array("simple", batch.num_bytes + PADDING, np.uint8)
    simple[batch.num_bytes :] = 0x20
    begins = scratch.array("begins", batch.num_bytes + PADDING, np.uint32)
    closes = scratch.array("closes", batch.num_bytes + PADDING, np.uint32)
    words, may_be, units = rules()
    _cut(
        (
            *(batch.raw, batch.offsets, batch.documents, batch.num_bytes),
            *(batch.text, batch.starts, batch.ends, batch.firsts),
        ),
        scratch.array("chunks", 0, np.int64).ctypes.data,
        len(chunks),
        known.slots.ctypes.data,
        known.arena.ctypes.data,
        *(simple.ctypes.data, begins.ctypes.data, closes.ctypes.data),
        (words.ctypes.data, may_be.ctypes.data, units.ctypes.data, len(units)),
    )
