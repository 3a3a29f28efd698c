"""What a character beyond ASCII is to a profile: white space, a symbol that is a token by itself, or a part of a word."""

from __future__ import annotations

import functools
import unicodedata

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from midmix.curation.score.words.memory import get8, get32, put8, trailing_zeros
from midmix.jit import njit

CODE_BITS = 21
CODE = (1 << CODE_BITS) - 1
WORD, SPACE, SYMBOL = 0, 1, 2  # above the code bits
TABLE_SIZE = 0x20000  # beyond are ideographs and marks: words that have no case

# Letters, their marks, and characters that show nothing but how letters are joined.
IN_WORDS = ("L", "M", "Cf")


@functools.cache
def table(*, lower: bool, symbols: bool) -> npt.NDArray[np.uint32]:
    """By code point: what it becomes, and above CODE_BITS what it is; uint32 [TABLE_SIZE], made in 0.05 s."""
    chars = [chr(code) if not 0xD800 <= code < 0xE000 else " " for code in range(TABLE_SIZE)]
    text = "".join(chars)
    if lower:
        text = pc.utf8_lower(text).as_py()
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32).copy()
    if symbols:
        outside = np.fromiter((not unicodedata.category(char).startswith(IN_WORDS) for char in chars), bool)
        codes[outside] = np.flatnonzero(outside).astype(np.uint32) | SYMBOL << CODE_BITS
    spaces = np.fromiter((char.isspace() for char in chars), bool)
    codes[spaces] = ord(" ") | SPACE << CODE_BITS
    return codes


@njit(inline="always")
def is_letter(byte):  # type: ignore[no-untyped-def]
    """Whether a byte is an ASCII letter or a part of a character beyond ASCII."""
    letter = byte | 0x20
    return byte >= 0x80 or (letter >= 0x61 and letter <= 0x7A)


@njit(inline="always")
def utf8_length(code):  # type: ignore[no-untyped-def]
    """Bytes of a code point in UTF-8."""
    return 1 if code < 0x80 else (2 if code < 0x800 else (3 if code < 0x10000 else 4))


@njit(inline="always")
def get_character(at):  # type: ignore[no-untyped-def]
    """The code point beyond ASCII at an address."""
    code = get8(at, 0)
    follow = 1 if code < 0xE0 else (2 if code < 0xF0 else 3)
    code &= 0x3F >> follow
    for index in range(1, follow + 1):
        code = code << 6 | (get8(at, index) & 0x3F)
    return code


@njit(inline="always")
def put_character(to, code):  # type: ignore[no-untyped-def]
    """Write a code point at an address; the address after it."""
    length = utf8_length(code)
    if length == 1:
        put8(to, 0, code)
    else:
        put8(to, 0, (0xFF00 >> length) & 0xFF | code >> (6 * (length - 1)))
        for index in range(1, length):
            put8(to, index, 0x80 | (code >> (6 * (length - 1 - index))) & 0x3F)
    return to + length


@njit
def lay_out_character(at, to, characters):  # type: ignore[no-untyped-def]
    """Write the character beyond ASCII at an address as the table says, a symbol between spaces; both addresses after."""
    code = get_character(at)
    entry = get32(characters, code) if code < TABLE_SIZE else code
    symbol = entry >> CODE_BITS == SYMBOL
    if symbol:
        put8(to, 0, 0x20)
        to += 1
    to = put_character(to, entry & CODE)
    if symbol:
        put8(to, 0, 0x20)
        to += 1
    return at + utf8_length(code), to


@njit
def lower_characters(at, where, characters):  # type: ignore[no-untyped-def]
    """Lower-case the characters beyond ASCII that begin in a block where the mask has a bit and have a letter beside them.

    A capital whose small letter has another length is left. A byte before the block is read if the mask has its first bit.
    """
    while where:
        place = trailing_zeros(where)
        where &= where - 1
        first = get8(at, place)
        if first < 0xC0:
            continue
        code = get_character(at + place)
        small = get32(characters, code) & CODE if code < TABLE_SIZE else code
        length = utf8_length(code)
        if small == code or utf8_length(small) != length:
            continue
        if is_letter(get8(at + place, length)) or is_letter(get8(at + place, -1)):
            put_character(at + place, small)
