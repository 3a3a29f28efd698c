"""Characters, runs of them and white space, for the kernels that cut texts.

Addresses are int64; `classes` is the address of the class of every code point (`Cut.classes`). Texts are valid UTF-8,
and 16 bytes beyond the last one can be read.
"""

from __future__ import annotations

from midmix.curation.score.words.memory import get8, get64, trailing_zeros, wrapping_add
from midmix.curation.tokenize.bpe.categories import LETTER, NEWLINE, NUMBER, WHITE
from midmix.curation.tokenize.bpe.pattern import APART
from midmix.jit import njit

HIGH_BITS = 0x8080808080808080 - (1 << 64)
LOW_BITS = 0x7F7F7F7F7F7F7F7F
LOWER_CASE = 0x2020202020202020
# Added to seven bits, they carry into the eighth from 'a' on and from behind 'z' on.
FROM_A = 0x1F1F1F1F1F1F1F1F
BEHIND_Z = 0x0505050505050505
APOSTROPHE = 0x27


@njit(inline="always")
def character(classes, at):  # type: ignore[no-untyped-def]
    """(class, bytes) of the character at an address."""
    first = get8(at, 0)
    if first < 0x80:
        return get8(classes, first), 1
    second = get8(at, 1) & 0x3F
    if first < 0xE0:
        return get8(classes, (first & 0x1F) << 6 | second), 2
    third = get8(at, 2) & 0x3F
    if first < 0xF0:
        return get8(classes, (first & 0x0F) << 12 | second << 6 | third), 3
    return get8(classes, (first & 0x07) << 18 | second << 12 | third << 6 | (get8(at, 3) & 0x3F)), 4


@njit(inline="always")
def ascii_letters_end(at, end, fold):  # type: ignore[no-untyped-def]
    """Where the run of ASCII letters ends, eight bytes at a time; lower-case ones alone where `fold` is 0."""
    while at < end:
        eight = get64(at, 0)
        low = (eight | fold) & LOW_BITS
        letters = wrapping_add(low, FROM_A) & ~wrapping_add(low, BEHIND_Z) & ~eight & HIGH_BITS
        if letters != HIGH_BITS:
            return min(at + (trailing_zeros(letters ^ HIGH_BITS) >> 3), end)
        at += 8
    return end


@njit(inline="always")
def letters_end(classes, at, end):  # type: ignore[no-untyped-def]
    """Where the run of LETTER ends."""
    while at < end:
        at = ascii_letters_end(at, end, LOWER_CASE)
        if at >= end or get8(at, 0) < 0x80:
            return at
        kind, size = character(classes, at)
        if kind != LETTER:
            return at
        at += size
    return end


@njit(inline="always")
def run_end(classes, at, end, wanted):  # type: ignore[no-untyped-def]
    """Where the run of one class ends."""
    while at < end:
        kind, size = character(classes, at)
        if kind != wanted:
            return at
        at += size
    return end


@njit(inline="always")
def digits_end(classes, at, end, most):  # type: ignore[no-untyped-def]
    """Where a run of at most so many NUMBER ends."""
    count = 0
    while count < most and at < end:
        kind, size = character(classes, at)
        if kind != NUMBER:
            return at
        at += size
        count += 1
    return at


@njit(inline="always")
def newlines_end(at, end):  # type: ignore[no-untyped-def]
    """Where the run of CR and LF ends."""
    while at < end and (get8(at, 0) == 0x0A or get8(at, 0) == 0x0D):
        at += 1
    return at


@njit
def white_end(classes, begin, end, lines, pieces):  # type: ignore[no-untyped-def]
    """Where the match of white space at `begin` ends: `\\s*[\\r\\n]+` where `lines`, else or then `\\s+(?!\\S)|\\s+`.

    The first ends after the last newline of the whole run. The second leaves the last character to what follows,
    unless it is the only one or nothing follows; with `pieces`, a piece ends before NUMBER and APART as a text does.
    """
    at = last = begin
    newline = 0
    count = 0
    kind = WHITE
    while at < end:
        kind, size = character(classes, at)
        if kind < WHITE or kind >= APART:
            break
        last = at
        at += size
        count += 1
        if kind == NEWLINE:
            newline = at
    if lines and newline:
        return newline
    if at >= end or count == 1 or (pieces and (kind == NUMBER or kind >= APART)):
        return at
    return last


@njit(inline="always")
def contraction_end(at, end, any_case):  # type: ignore[no-untyped-def]
    """Where 's, 't, 'm, 'd, 're, 've or 'll at an apostrophe ends, or `at`; with any_case U+017F is an s, too."""
    if at + 1 >= end:
        return at
    fold = 0x20 if any_case else 0
    first = get8(at, 1) | fold
    if first == 0x73 or first == 0x74 or first == 0x6D or first == 0x64:
        return at + 2
    if at + 2 >= end:
        return at
    second = get8(at, 2)
    if any_case and get8(at, 1) == 0xC5 and second == 0xBF:
        return at + 3
    second |= fold
    if (first == 0x72 or first == 0x76) and second == 0x65:
        return at + 3
    return at + 3 if first == 0x6C and second == 0x6C else at
