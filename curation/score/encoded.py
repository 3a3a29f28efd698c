"""Encoded data in text: runs of base64 or hexadecimal digits, and lists of hexadecimal bytes.

After StarCoder2's rules, with two differences that keep ordinary text out: a base64 run lies in one line and holds
both letters and digits (a ruler of slashes does not), and a list of bytes holds a prefix or a letter (a table of
two-digit numbers does not).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from midmix.curation.score.characters import SPACE
from midmix.curation.score.phrases import is_identifier
from midmix.curation.score.segments import Batch
from midmix.jit import njit

MIN_CHARS = 64
MIN_BYTES = 16
MAX_GAP = 32  # commas and white space between two bytes of a list, such as a line break and an indentation


def encoded_chars(batch: Batch) -> npt.NDArray[np.int64]:
    """Code points in encoded runs of at least 64 per document, int64 [n].

    Base64: `[A-Za-z0-9+/]{64,}={0,2}` with a letter and a digit. Bytes: at least 16 of `(0x|\\x)?HH`, with up to 32
    commas and white spaces between them; no identifier character stands after a byte, nor before one without backslash.
    """
    chars: npt.NDArray[np.int64] = _base64_chars(batch.codes, batch.offsets)
    chars += _hex_chars(batch.codes, batch.flags, batch.offsets)
    return chars


@njit(inline="always")
def _is_base64(code):  # type: ignore[no-untyped-def]
    return 97 <= code <= 122 or 65 <= code <= 90 or 48 <= code <= 57 or code == 43 or code == 47


@njit
def _base64_chars(codes, offsets):  # type: ignore[no-untyped-def]
    chars = np.zeros(len(offsets) - 1, np.int64)
    for document in range(len(offsets) - 1):
        at, end = offsets[document], offsets[document + 1]
        while at + MIN_CHARS <= end:
            # Looking from the far end, most windows are passed over after a few characters.
            back = at + MIN_CHARS - 1
            while back >= at and _is_base64(codes[back]):
                back -= 1
            if back >= at:
                at = back + 1
                continue
            stop = at + MIN_CHARS
            while stop < end and _is_base64(codes[stop]):
                stop += 1
            if _has_letter_and_digit(codes, at, stop):
                chars[document] += stop - at
                for _ in range(2):
                    if stop < end and codes[stop] == 61:
                        chars[document] += 1
                        stop += 1
            at = stop
    return chars


@njit
def _has_letter_and_digit(codes, start, end):  # type: ignore[no-untyped-def]
    letter, digit = False, False
    for at in range(start, end):
        digit |= 48 <= codes[at] <= 57
        letter |= codes[at] >= 65
    return letter and digit


@njit(inline="always")
def _is_hex(code):  # type: ignore[no-untyped-def]
    return 48 <= code <= 57 or 97 <= code <= 102 or 65 <= code <= 70


@njit
def _hex_byte(codes, at, end):  # type: ignore[no-untyped-def]
    """Length of the byte `HH`, `0xHH` or `\\xHH` at a character, or 0."""
    length = 0
    if at + 4 <= end and codes[at + 1] == 120 and (codes[at] == 48 or codes[at] == 92):
        length = 4
    elif at + 2 <= end:
        length = 2
    if length == 0 or not (_is_hex(codes[at + length - 2]) and _is_hex(codes[at + length - 1])):
        return 0
    if at + length < end and is_identifier(codes[at + length]):
        return 0
    return length


@njit
def _hex_run(codes, flags, at, end):  # type: ignore[no-untyped-def]
    """A list of bytes that starts at a character: (its end, its bytes, whether it has a prefix or a letter)."""
    count = 0
    marked = False
    stop = at
    while True:
        length = _hex_byte(codes, at, end)
        if length == 0:
            return stop, count, marked
        count += 1
        marked |= length == 4 or codes[at] > 57 or codes[at + 1] > 57
        stop = at + length
        at = stop
        while at < end and at - stop <= MAX_GAP and (codes[at] == 44 or flags[at] & SPACE):
            at += 1
        if at - stop > MAX_GAP:
            return stop, count, marked


@njit
def _hex_chars(codes, flags, offsets):  # type: ignore[no-untyped-def]
    chars = np.zeros(len(offsets) - 1, np.int64)
    for document in range(len(offsets) - 1):
        begin, end = offsets[document], offsets[document + 1]
        at = begin
        while at + MIN_CHARS <= end:
            second = codes[at + 1]
            if not (second == 120 or _is_hex(second)) or not (codes[at] == 92 or _is_hex(codes[at])):
                at += 1
                continue
            if codes[at] != 92 and at > begin and is_identifier(codes[at - 1]):
                at += 1
                continue
            stop, count, marked = _hex_run(codes, flags, at, end)
            if marked and count >= MIN_BYTES and stop - at >= MIN_CHARS:
                chars[document] += stop - at
            at = max(stop, at + 1)
    return chars
