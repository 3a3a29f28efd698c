"""Where the next chunk of a text ends, for every known regular expression.

A chunk is what the expression matches, or what lies between its matches; BPE never merges across one. Each function
takes the classes that its `Cut` makes, an address inside a text and the address where that text ends.
"""

from __future__ import annotations

from midmix.curation.score.words.memory import get8
from midmix.curation.tokenize.bpe.categories import LETTER, MARK, NEWLINE, NUMBER, OTHER, SPACE, WHITE
from midmix.curation.tokenize.bpe.characters import (
    APOSTROPHE,
    character,
    contraction_end,
    digits_end,
    letters_end,
    newlines_end,
    run_end,
    white_end,
)
from midmix.curation.tokenize.bpe.pattern import APART, CASED, DIGITS, GPT2, LETTERS
from midmix.curation.tokenize.bpe.split_cased import word_end
from midmix.curation.tokenize.bpe.split_pieces import piece_end
from midmix.jit import njit


@njit(inline="always")
def gpt2_end(classes, at, end, digits):  # type: ignore[no-untyped-def]
    """`'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+`

    With `digits`, an APART character is a piece of its own, and what stands before it ends there as a text does.
    """
    kind, size = character(classes, at)
    after = at + size
    if kind >= APART:
        return after
    if kind == SPACE and after < end:
        kind, size = character(classes, after)
        if kind >= WHITE:
            return white_end(classes, at, end, False, digits)
        after += size
    elif kind == OTHER and get8(at, 0) == APOSTROPHE:
        stop = contraction_end(at, end, False)
        if stop > at:
            return stop
    if kind == LETTER:
        return letters_end(classes, after, end)
    if kind >= WHITE:
        return white_end(classes, at, end, False, digits)
    return run_end(classes, after, end, kind)


@njit(inline="always")
def letters_cut_end(classes, at, end, max_digits):  # type: ignore[no-untyped-def]
    """`(?i:'s|...)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,d}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`"""
    kind, size = character(classes, at)
    after = at + size
    if kind == LETTER:
        return letters_end(classes, after, end)
    if kind == NUMBER:
        return digits_end(classes, after, end, max_digits - 1)
    if kind == OTHER and get8(at, 0) == APOSTROPHE:
        stop = contraction_end(at, end, True)
        if stop > at:
            return stop
    if kind != NEWLINE and after < end:
        following, size = character(classes, after)
        if following == LETTER:
            return letters_end(classes, after + size, end)
        if kind == SPACE and following == OTHER:
            kind = OTHER
            after += size
    if kind == OTHER:
        return newlines_end(run_end(classes, after, end, OTHER), end)
    return white_end(classes, at, end, True, False)


@njit(inline="always")
def others_end(classes, at, end):  # type: ignore[no-untyped-def]
    """`[^\\s\\p{L}\\p{N}]*[\\r\\n/]*` where marks have a class of their own."""
    while at < end:
        kind, size = character(classes, at)
        if kind != OTHER and kind != MARK:
            break
        at += size
    while at < end and (get8(at, 0) == 0x0A or get8(at, 0) == 0x0D or get8(at, 0) == 0x2F):
        at += 1
    return at


@njit
def cased_cut_end(classes, at, end, max_digits):  # type: ignore[no-untyped-def]
    """The expression of o200k: words that end where upper case begins, with their contraction."""
    kind, size = character(classes, at)
    if kind == NUMBER:
        return digits_end(classes, at + size, end, max_digits - 1)
    stop = word_end(classes, at, end)
    if stop > at:
        return stop
    after = at + size
    if kind == SPACE and after < end and character(classes, after)[0] == OTHER:
        return others_end(classes, after, end)
    if kind == OTHER:
        return others_end(classes, after, end)
    return white_end(classes, at, end, True, False)


@njit
def chunk_end(cut, max_digits, classes, at, end):  # type: ignore[no-untyped-def]
    """Where the chunk at `at` ends, by a cut's kind."""
    if cut in (GPT2, DIGITS):
        return gpt2_end(classes, at, end, cut == DIGITS)
    if cut == LETTERS:
        return letters_cut_end(classes, at, end, max_digits)
    if cut == CASED:
        return cased_cut_end(classes, at, end, max_digits)
    return piece_end(classes, at, end, max_digits)
