"""Words of o200k's regular expression: case cuts them, marks and letters without case go with either.

    [^\\r\\n\\p{L}\\p{N}]?U*L+C?|[^\\r\\n\\p{L}\\p{N}]?U+L*C?

with U of \\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}, L of \\p{Ll}\\p{Lm}\\p{Lo}\\p{M}, C the contractions.
"""

from __future__ import annotations

from midmix.curation.score.words.memory import get8
from midmix.curation.tokenize.bpe.categories import LETTER, LOWER, MARK, NEWLINE, NUMBER, UPPER
from midmix.curation.tokenize.bpe.characters import APOSTROPHE, ascii_letters_end, character, contraction_end
from midmix.jit import njit


@njit(inline="always")
def lower_end(classes, at, end):  # type: ignore[no-untyped-def]
    """Where `L*` ends."""
    while at < end:
        at = ascii_letters_end(at, end, 0)
        if at >= end:
            return end
        kind, size = character(classes, at)
        if kind != LOWER and kind != LETTER and kind != MARK:
            return at
        at += size
    return end


@njit
def upper_then_lower(classes, begin, end):  # type: ignore[no-untyped-def]
    """(where `U*L+` from `begin` ends or 0, where `U*` ends).

    `U*` is greedy. Where no lower case follows it, it gives back what follows the last letter without case or mark
    in it, and `L+` is that one.
    """
    at = begin
    caseless = 0
    kind = UPPER
    while at < end:
        kind, size = character(classes, at)
        if kind != UPPER and kind != LETTER and kind != MARK:
            break
        at += size
        if kind != UPPER:
            caseless = at
    if at < end and kind == LOWER:
        return lower_end(classes, at, end), at
    return caseless, at


@njit
def word_end(classes, at, end):  # type: ignore[no-untyped-def]
    """Where the word at `at` ends, its contraction included; `at` where there is none."""
    kind, size = character(classes, at)
    is_letter = UPPER <= kind <= LETTER
    # What may stand before a word is tried first; a mark may, and is part of a word as well.
    before = 0 if is_letter or kind in (NEWLINE, NUMBER) else size
    stop, upper = upper_then_lower(classes, at + before, end)
    if not stop and before and kind == MARK:
        stop, _ = upper_then_lower(classes, at, end)
    if not stop and upper > at + before:
        stop = upper
    if not stop:
        return at
    if stop < end and get8(stop, 0) == APOSTROPHE:
        return contraction_end(stop, end, True)
    return stop
