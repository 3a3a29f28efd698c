r"""The profile `math`: numbers, operators, brackets and LaTeX commands are tokens; white space is nothing.

A number is a run of digits with dots between digits; a word is a run of letters; `\name`, and `\` before any other sign,
is a command; every other character is a token. Words of two letters and more are lower-cased. A single letter and a
command keep their case, because `x` and `X`, `\delta` and `\Delta` are different things.
"""

from __future__ import annotations

from midmix.curation.dedup.profiles.batch import Batch
from midmix.curation.dedup.profiles.characters import is_letter, lower_characters, table
from midmix.curation.dedup.profiles.cutting import inner_dots, lay_out_batch, put_places
from midmix.curation.dedup.vectors import (
    BLOCK,
    backslashes,
    beyond,
    capitals,
    digits,
    high_bytes,
    letters,
    lower_where,
    spaces,
)
from midmix.curation.score.words.memory import get8, get64, put64, shift_right, trailing_zeros
from midmix.jit import njit


def cut(batch: Batch) -> None:
    """Fill the tokens of a batch."""
    bounds = lay_out_batch(batch, table(lower=False, symbols=True), lower=False)
    small = table(lower=True, symbols=False).ctypes.data
    _cut(batch.text, bounds, batch.documents, batch.starts, batch.ends, batch.firsts, small)


@njit(inline="always")
def _after_backslashes(text, past, first):  # type: ignore[no-untyped-def]
    r"""(mask of the bytes behind a backslash, where `\\` is one backslash and its sign, whether the next block's first is).

    `first`: whether this block's is.
    """
    found, following = first, 0
    marks = backslashes(text) & ~past
    while marks:
        place = trailing_zeros(marks)
        marks &= marks - 1
        if shift_right(found, place) & 1 == 0:
            if place < BLOCK - 1:
                found |= 2 << place
            else:
                following = 1
    return found, following


@njit(inline="always")
def _lower(text, word, word_before, command, small):  # type: ignore[no-untyped-def]
    """Lower-case the words of a block but for single letters and commands."""
    beside = word_before | shift_right(word, 1)
    if is_letter(get8(text, BLOCK)):
        beside |= 1 << (BLOCK - 1)
    change = word & beside & ~command
    lower_where(text, change & capitals(text))
    if high_bytes(text) & change:
        lower_characters(text, change, small)


@njit
def _cut(text, bounds, documents, starts, ends, firsts, small):  # type: ignore[no-untyped-def]
    count = closed = 0
    for document in range(documents):
        put64(firsts, document, count)
        at, stop = get64(bounds, document), get64(bounds, document + 1)
        in_word = in_number = in_command = sign_before = digit_before = first = 0
        while at < stop:
            past = beyond(stop - at)
            space = spaces(text + at) | past
            digit = digits(text + at) & ~past
            number = digit | (inner_dots(text, at, digit, digit_before) & ~past)
            word = letters(text + at) & ~past
            sign = ~(word | number | space)
            word_before, number_before = word << 1 | in_word, number << 1 | in_number
            joined, first = _after_backslashes(text + at, past, first)
            joined &= ~(number | space)
            begins = word & ~word_before | number & ~number_before | sign
            closes = word_before & ~word | number_before & ~number | sign << 1 | sign_before
            count = put_places(begins & ~joined, at, starts, count)
            closed = put_places(closes & ~joined, at, ends, closed)
            command = word & ~(word + (word & (joined | in_command)))
            _lower(text + at, word, word_before, command, small)
            in_word, in_number = shift_right(word, BLOCK - 1), shift_right(number, BLOCK - 1)
            in_command = shift_right(command, BLOCK - 1)
            sign_before, digit_before = shift_right(sign, BLOCK - 1), shift_right(digit, BLOCK - 1)
            at += BLOCK
    put64(firsts, documents, count)
