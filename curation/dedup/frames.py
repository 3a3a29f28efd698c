"""The frame of a text: what is left when its numbers and names are taken out. Texts of one frame are one template.

A number is a run of ASCII digits, with `.` or `,` between digits; it becomes 0. A name is a capital and up to 62 small letters,
all ASCII, with no other letter, digit or low line beside it; it becomes N, and so do names with one space between.
"""

from __future__ import annotations

from midmix.curation.dedup.vectors import (
    BLOCK,
    beyond,
    capitals,
    commas,
    copy_block,
    digits,
    dots,
    leading_zeros,
    letters,
    low_lines,
    small_letters,
)
from midmix.curation.score.words.memory import get8, put8, shift_right, trailing_zeros
from midmix.jit import njit

ZERO, NINE, BIG_N, SPACE = 0x30, 0x39, 0x4E, 0x20


@njit(inline="always")
def _bit(mask, place):  # type: ignore[no-untyped-def]
    return shift_right(mask, place) & 1


@njit(inline="always")
def _inner_marks(at, digit, digit_before, left):  # type: ignore[no-untyped-def]
    """Mask of the dots and commas between two digits."""
    after = get8(at, BLOCK)
    following = shift_right(digit, 1)
    if left > BLOCK and after >= ZERO and after <= NINE:
        following |= 1 << (BLOCK - 1)
    return (dots(at) | commas(at)) & (digit << 1 | digit_before) & following


@njit(inline="always")
def _names(at, word, in_word, after_name, at_end):  # type: ignore[no-untyped-def]
    """(mask of the names in a block and the spaces that join them, address behind the last name so far)."""
    small = small_letters(at) & word
    firsts = capitals(at) & word & ~(word << 1 | in_word) & shift_right(small, 1)
    found = 0
    while firsts:
        begin = trailing_zeros(firsts)
        firsts &= firsts - 1
        end = begin + 1 + trailing_zeros(~shift_right(small, begin + 1))
        whole = _bit(word, end) == 0 if end < BLOCK else at_end and begin > 0
        if whole:
            joined = after_name != 0 and at + begin == after_name + 1 and get8(after_name, 0) == SPACE
            found |= ~beyond(end) & beyond(begin - 1 if joined and begin > 0 else begin)
            after_name = at + end
    return found, after_name


@njit(inline="always")
def _put_block(at, size, to, drop, names, goes_on):  # type: ignore[no-untyped-def]
    """Write a block with one sign for each run of bytes to drop, none for a first run that goes on; the address after it."""
    done = 0
    while drop:
        begin = trailing_zeros(drop)
        stop = begin + trailing_zeros(~shift_right(drop, begin)) if drop != -1 else BLOCK
        copy_block(at + done, to)
        to += begin - done
        if begin or not goes_on:
            put8(to, 0, BIG_N if _bit(names, begin) else ZERO)
            to += 1
        done = stop
        drop &= beyond(stop)
    copy_block(at + done, to)
    return to + size - done


@njit
def put_frame(at, end, to):  # type: ignore[no-untyped-def]
    """Write the frame of a text; the address after it. A block behind both is read and written.

    A block ends where no word or number does, but for those that fill one.
    """
    after_name = in_word = in_number = digit_before = 0
    while at < end:
        copy_block(at, to)
        left = end - at
        size = min(left, BLOCK)
        digit = digits(at) & ~beyond(size)
        word = (letters(at) | low_lines(at)) & ~beyond(size) | digit
        if digit | (capitals(at) & word) == 0:
            in_word, in_number, digit_before = _bit(word, size - 1), 0, 0
            at += size
            to += size
            continue
        marks = _inner_marks(at, digit, digit_before, left)
        if left > BLOCK:
            between = ~(word | marks)
            size = BLOCK - leading_zeros(between) if between else BLOCK
        digit &= ~beyond(size)
        word &= ~beyond(size)
        number = digit | (marks & ~beyond(size))
        before = after_name
        names, after_name = _names(at, word, in_word, before, left == BLOCK)
        goes_on = in_number & number
        if names & 1 and before != 0 and at == before + 1 and get8(before, 0) == SPACE:
            goes_on = 1
            to -= 1
        to = _put_block(at, size, to, number | names, names, goes_on & 1)
        in_word, in_number, digit_before = _bit(word, size - 1), _bit(number, size - 1), _bit(digit, size - 1)
        at += size
    return to
