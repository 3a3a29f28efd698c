"""One chunk as kernels see it: decoded characters with their classes, texts looked up by hash, tokens written."""

from __future__ import annotations

from midmix.curation.score.words.memory import (
    get8,
    get32,
    get64,
    put32,
    put64,
    shift_right,
    wrapping_add,
    wrapping_multiply,
    wrapping_subtract,
)
from midmix.curation.score.words.rules import (
    ALPHA,
    CODE_BITS,
    KNOWN_SLOTS,
    KNOWN_STOP,
    MAX_KNOWN_BYTES,
    MAX_SPECIAL_BYTES,
    PUNCT,
    ROW,
    SENTENCE_END,
    SPECIAL_SLOTS,
    SYMBOL_CHARACTER,
)
from midmix.curation.score.words.word import ALPHA as ALPHA_FLAG
from midmix.curation.score.words.word import BASE, NONSYMBOL, STOP_SHIFT
from midmix.curation.score.words.word import PUNCT as PUNCT_FLAG
from midmix.curation.score.words.word import SENTENCE_END as SENTENCE_END_FLAG
from midmix.curation.score.words.workspace import (
    BLOB,
    CHARS,
    CLASSES,
    HASHES,
    KNOWN,
    NUM_POWERS,
    OFFSETS,
    PIECES,
    POWERS,
    RAW,
    SPECIALS,
)
from midmix.jit import njit

SIGNED_BASE = BASE - (1 << 64)
LAST_CLASS = 0x3FFFF


@njit(inline="always")
def _extended(hashed, byte):  # type: ignore[no-untyped-def]
    """The hash of a text and one byte more."""
    return wrapping_add(wrapping_multiply(hashed, SIGNED_BASE), byte + 1)


@njit
def decode(space, data, num_bytes):  # type: ignore[no-untyped-def]
    """Fill CHARS, OFFSETS and HASHES with the UTF-8 bytes at address `data`; the number of characters."""
    classes, chars = get64(space, CLASSES), get64(space, CHARS)
    offsets, hashes = get64(space, OFFSETS), get64(space, HASHES)
    at = 0
    count = 0
    hashed = 0
    put32(offsets, 0, 0)
    put64(hashes, 0, 0)
    while at < num_bytes:
        code = get8(data, at)
        hashed = _extended(hashed, code)
        at += 1
        if code >= 0x80:
            follow = 1 if code < 0xE0 else (2 if code < 0xF0 else 3)
            code &= 0x3F >> follow
            for _ in range(follow):
                byte = get8(data, at)
                hashed = _extended(hashed, byte)
                code = code << 6 | (byte & 0x3F)
                at += 1
        put64(chars, count, code | get32(classes, min(code, LAST_CLASS)) << CODE_BITS)
        count += 1
        put32(offsets, count, at)
        put64(hashes, count, hashed)
    return count


@njit
def hash_between(space, begin, end):  # type: ignore[no-untyped-def]
    """Hash of characters [begin, end) of the decoded chunk."""
    hashes, offsets = get64(space, HASHES), get64(space, OFFSETS)
    length = get32(offsets, end) - get32(offsets, begin)
    if length < NUM_POWERS:
        power = get64(get64(space, POWERS), length)
    else:
        power = 1
        square = SIGNED_BASE
        while length:
            if length & 1:
                power = wrapping_multiply(power, square)
            square = wrapping_multiply(square, square)
            length >>= 1
    return wrapping_subtract(get64(hashes, end), wrapping_multiply(get64(hashes, begin), power))


@njit
def find_text(space, table, slots, data, begin, end):  # type: ignore[no-untyped-def]
    """Address of the row of characters [begin, end) in a table of texts, or 0; bytes are compared, not hashes alone."""
    offsets = get64(space, OFFSETS)
    first = get32(offsets, begin)
    length = get32(offsets, end) - first
    hashed = hash_between(space, begin, end)
    slot = shift_right(wrapping_multiply(hashed ^ shift_right(hashed, 29), SIGNED_BASE), 40) & (slots - 1)
    while True:
        row = table + slot * (8 * ROW)
        place = get64(row, 1)
        if place == 0:
            return 0
        if get64(row, 0) == hashed and place & 0xFF == length:
            text = get64(space, BLOB) + (place >> 8)
            same = 0
            while same < length and get8(text, same) == get8(data, first + same):
                same += 1
            if same == length:
                return row
        slot = (slot + 1) & (slots - 1)


@njit
def find_special(space, data, begin, end):  # type: ignore[no-untyped-def]
    """Address of the row of the exception that characters [begin, end) are, or 0."""
    offsets = get64(space, OFFSETS)
    if get32(offsets, end) - get32(offsets, begin) > MAX_SPECIAL_BYTES:
        return 0
    return find_text(space, get64(space, SPECIALS), SPECIAL_SLOTS, data, begin, end)


@njit
def find_known(space, data, begin, end):  # type: ignore[no-untyped-def]
    """Value of the known text that characters [begin, end) are (symbol, stop word, unit), or 0."""
    offsets = get64(space, OFFSETS)
    if get32(offsets, end) - get32(offsets, begin) > MAX_KNOWN_BYTES:
        return 0
    row = find_text(space, get64(space, KNOWN), KNOWN_SLOTS, data, begin, end)
    return get64(row, 2) if row else 0


@njit
def add_token(space, data, begin, end, count):  # type: ignore[no-untyped-def]
    """Append characters [begin, end) to the raw tokens; the new count."""
    chars, offsets = get64(space, CHARS), get64(space, OFFSETS)
    some = 0
    every = -1
    for at in range(begin, end):
        char = get64(chars, at)
        some |= char ^ SYMBOL_CHARACTER
        every &= char
    known = find_known(space, data, begin, end)
    flags = ((known >> KNOWN_STOP) & 0xF) << STOP_SHIFT
    flags |= NONSYMBOL if some & SYMBOL_CHARACTER else 0
    flags |= ALPHA_FLAG if some & ALPHA else 0
    flags |= PUNCT_FLAG if every & PUNCT else 0
    flags |= SENTENCE_END_FLAG if end - begin == 1 and every & SENTENCE_END else 0
    first = get32(offsets, begin)
    row = get64(space, RAW) + count * (8 * ROW)
    put64(row, 0, hash_between(space, begin, end))
    put64(row, 1, (get32(offsets, end) - first) | (end - begin) << 32)
    put64(row, 2, flags | (known & 0xFFFF) << 8)
    put64(row, 3, data + first)
    return count + 1


@njit
def add_pieces(space, special, start, to, count):  # type: ignore[no-untyped-def]
    """Append the tokens of the exception in row `special`, which begins at address `start`, to rows at `to`."""
    place = get64(special, 2)
    for number in range(place >> 8, (place >> 8) + (place & 0xFF)):
        piece = get64(space, PIECES) + number * (8 * ROW)
        row = to + count * (8 * ROW)
        put64(row, 0, get64(piece, 0))
        put64(row, 1, get64(piece, 1))
        put64(row, 2, get64(piece, 2))
        put64(row, 3, start)
        start += get64(piece, 1) & 0xFFFFFFFF
        count += 1
    return count
