"""Chunks of DeepSeek-V3's three regular expressions, each of which cuts the pieces that the one before left.

Numbers come first, three digits at a time; then runs of Han, Hiragana and Katakana (their classes are APART ones); then
the rest. A piece ends there as a text does, and what the last expression does not match stays a chunk of its own.
"""

from __future__ import annotations

from midmix.curation.score.words.memory import get8
from midmix.curation.tokenize.bpe.categories import LETTER, NEWLINE, NUMBER, OTHER, SPACE, SYMBOL
from midmix.curation.tokenize.bpe.characters import (
    LOWER_CASE,
    ascii_letters_end,
    character,
    digits_end,
    letters_end,
    newlines_end,
    run_end,
    white_end,
)
from midmix.curation.tokenize.bpe.pattern import APART
from midmix.jit import njit


@njit
def unmatched_end(classes, at, end):  # type: ignore[no-untyped-def]
    """Where what nothing matches ends: before a character that can begin a match; the last one may begin a word."""
    last = at
    first = at
    while at < end:
        kind, size = character(classes, at)
        if kind != OTHER:
            return last if kind == LETTER and last > first else at
        last = at
        at += size
    return end


@njit
def piece_end(classes, at, end, max_digits):  # type: ignore[no-untyped-def]
    """Where the chunk at `at` ends."""
    kind, size = character(classes, at)
    after = at + size
    if kind == NUMBER:
        return digits_end(classes, after, end, max_digits - 1)
    if kind == LETTER:
        return letters_end(classes, after, end)
    if kind >= APART:
        return apart_end(classes, at, end)
    following, size = character(classes, after) if after < end else (NUMBER, 0)
    if kind == SYMBOL:
        if get8(at, 0) < 0x80 and following == LETTER and get8(after, 0) < 0x80:
            return ascii_letters_end(after, end, LOWER_CASE)
        return newlines_end(run_end(classes, after, end, SYMBOL), end)
    if kind != NEWLINE and following == LETTER:
        return letters_end(classes, after + size, end)
    if kind == SPACE and following == SYMBOL:
        return newlines_end(run_end(classes, after + size, end, SYMBOL), end)
    if kind == OTHER:
        return unmatched_end(classes, at, end)
    return white_end(classes, at, end, True, True)


@njit
def apart_end(classes, at, end):  # type: ignore[no-untyped-def]
    """Where the chunk at `at` ends, inside a run of APART characters: letters and marks, signs, or unmatched."""
    kind, size = character(classes, at)
    after = at + size
    if kind == APART + OTHER:
        following, size = character(classes, after) if after < end else (NUMBER, 0)
        if following != APART + LETTER:
            return apart_unmatched_end(classes, at, end)
        return run_end(classes, after + size, end, APART + LETTER)
    return run_end(classes, after, end, kind)


@njit
def apart_unmatched_end(classes, at, end):  # type: ignore[no-untyped-def]
    """As `unmatched_end`, among APART characters."""
    last = at
    first = at
    while at < end:
        kind, size = character(classes, at)
        if kind != APART + OTHER:
            return last if kind == APART + LETTER and last > first else at
        last = at
        at += size
    return end
