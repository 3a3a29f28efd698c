"""Runs of bytes that make a token: words, numbers, LaTeX commands, characters beyond ASCII."""

from __future__ import annotations

import numpy as np

from midmix.curation.decontaminate.notation import (
    CHAR_ALONE,
    CHAR_GREEK,
    CHAR_LETTER,
    CHAR_SEPARATOR,
    CHAR_SUBSCRIPT,
    CHAR_SUPERSCRIPT,
    CHAR_SYMBOL,
    COMMAND_SLOTS,
    HIGH,
    LETTER,
    LOW_POINTS,
    NUMBER_SLOTS,
    SEED,
    SKIP,
    TOKEN,
    WORD,
)  # fmt: skip
from midmix.curation.decontaminate.words import mix
from midmix.jit import njit

# These kernels allocate nothing and are compiled without counts of references (`_nrt=False`): a fifth faster.

_SEED = np.uint64(SEED)


@njit(inline="always", _nrt=False)
def push(value, packed, size, byte):  # type: ignore[no-untyped-def]
    """A byte more of a token whose hash is being made; see `notation.token_hash`."""
    packed = packed << np.uint64(8) | np.uint64(byte)
    size += 1
    if size & 7 == 0:
        value = mix(value ^ packed)
        packed = np.uint64(0)
    return value, packed, size


@njit(inline="always", _nrt=False)
def letter_hash(byte):  # type: ignore[no-untyped-def]
    """The hash of a token of one byte."""
    return mix((_SEED ^ np.uint64(byte)) + np.uint64(1))


@njit(inline="always", _nrt=False)
def ascii_word(data, at, end, start, kinds):  # type: ignore[no-untyped-def]
    """(hash, byte after) of a run of ASCII letters. camelCase ends at its humps where it starts small."""
    value, packed, size = _SEED, np.uint64(0), 0
    begin = at
    splits = data[at] >= 97 or (at > start and data[at - 1] >= 97 and data[at - 1] <= 122)
    while at < end:
        byte = data[np.uint64(at)]
        if kinds[byte] != LETTER or (byte < 97 and splits and at > begin and data[at - 1] >= 97):
            break
        packed = packed << np.uint64(8) | np.uint64(byte | 32)
        size += 1
        at += 1
        if size & 7 == 0:
            value = mix(value ^ packed)
            packed = np.uint64(0)
    return mix((value ^ packed) + np.uint64(size)), at


@njit(inline="always", _nrt=False)
def character(data, at, end, characters):  # type: ignore[no-untyped-def]
    """(class, bytes, row in the tables of characters) of the character from U+0080 on that starts at `at`."""
    byte = data[at]
    kind, size, row = np.int64(CHAR_LETTER), 3, np.int64(0)
    if byte < 0xE0:
        kind, size = np.int64(CHAR_SEPARATOR), 1
        if byte >= 0xC2 and at + 1 < end:
            size = 2
            row = (np.int64(byte) & 0x1F) << 6 | np.int64(data[at + 1]) & 0x3F
            kind = np.int64(characters[row])
    elif byte >= 0xF0 or at + 2 >= end:
        size = min(4, end - at)
    elif byte == 0xE2 and data[at + 1] < 0x8C:
        row = LOW_POINTS + ((np.int64(data[at + 1]) & 0x3F) << 6 | np.int64(data[at + 2]) & 0x3F)
        kind = np.int64(characters[row])
    elif byte == 0xE3 and data[at + 1] == 0x80:
        kind = np.int64(CHAR_SEPARATOR)
    elif byte >= 0xE3 and byte <= 0xE9:
        kind = np.int64(CHAR_ALONE)
    elif byte == 0xEF and data[at + 1] == 0xBC and data[at + 2] < 0xA1 and (data[at + 2] < 0x90 or data[at + 2] > 0x99):
        kind = np.int64(CHAR_SEPARATOR)  # full-width punctuation
    return kind, size, row


@njit(_nrt=False)
def wide_word(data, at, end, kinds, characters, folded):  # type: ignore[no-untyped-def]
    """(hash, byte after) of a run of letters of which some are beyond ASCII; a Greek letter after a Latin one ends it."""
    value, packed, size = _SEED, np.uint64(0), 0
    begin = at
    while at < end:
        byte = data[at]
        if kinds[byte] == LETTER:
            value, packed, size = push(value, packed, size, byte | 32)
            at += 1
            continue
        if kinds[byte] != HIGH:
            break
        kind, length, row = character(data, at, end, characters)
        if kind != CHAR_LETTER and (kind != CHAR_GREEK or (at > begin and data[begin] < 128)):
            break
        if length == 2:
            value, packed, size = push(value, packed, size, folded[row] >> 8)
            value, packed, size = push(value, packed, size, folded[row] & 255)
        else:
            for k in range(at, at + length):
                value, packed, size = push(value, packed, size, data[k])
        at += length
    return mix((value ^ packed) + np.uint64(size)), at


@njit(_nrt=False)
def high(data, at, end, kinds, characters, folded, scripts):  # type: ignore[no-untyped-def]
    """(byte after, class, value) of what starts with a character from U+0080 on.

    The value is the hash of a word (CHAR_LETTER) or of the digits of a script, or the row of a symbol.
    """
    kind, size, row = character(data, at, end, characters)
    if kind == CHAR_GREEK and at + size < end and kinds[data[at + size]] == HIGH:
        behind, _, _ = character(data, at + size, end, characters)
        if behind in (CHAR_LETTER, CHAR_GREEK):
            kind = CHAR_LETTER
    value, packed, length = _SEED, np.uint64(0), 0
    if kind == CHAR_LETTER:
        value, stop = wide_word(data, at, end, kinds, characters, folded)
        return stop, kind, value
    if kind == CHAR_ALONE:
        for k in range(at, at + size):
            value, packed, length = push(value, packed, length, data[k])
        return at + size, CHAR_LETTER, mix((value ^ packed) + np.uint64(length))
    if kind in (CHAR_SUPERSCRIPT, CHAR_SUBSCRIPT):
        same = kind
        while same == kind:
            value, packed, length = push(value, packed, length, 48 + scripts[row])
            at += size
            if at >= end or kinds[data[at]] != HIGH:
                break
            same, size, row = character(data, at, end, characters)
        return at, kind, mix((value ^ packed) + np.uint64(length))
    return at + size, CHAR_SYMBOL if kind == CHAR_GREEK else kind, np.uint64(row)


@njit(inline="always", _nrt=False)
def number_value(value, number_words):  # type: ignore[no-untyped-def]
    """The value of a number word by its hash, 0 for another word."""
    slot = np.int64(value >> np.uint64(40)) & (NUMBER_SLOTS - 1)
    found = np.int64(0)
    while number_words[slot, 0] != 0:
        if number_words[slot, 0] == value:
            found = np.int64(number_words[slot, 1])
            break
        slot = (slot + 1) & (NUMBER_SLOTS - 1)
    return found


@njit(inline="always", _nrt=False)
def _is_digit(data, at, end):  # type: ignore[no-untyped-def]
    return at < end and data[at] >= 48 and data[at] <= 57


@njit(_nrt=False)
def _group(data, at, end):  # type: ignore[no-untyped-def]
    """Bytes of a thousands separator at `at` with exactly three digits behind it, else 0: `,`, `{,}` or `\\,`."""
    size = 1
    if data[at] == 123:
        if at + 2 >= end or data[at + 1] != 44 or data[at + 2] != 125:
            return 0
        size = 3
    elif data[at] == 92:
        if at + 1 >= end or data[at + 1] != 44:
            return 0
        size = 2
    behind = at + size
    if _is_digit(data, behind, end) and _is_digit(data, behind + 1, end) and _is_digit(data, behind + 2, end):
        return 0 if _is_digit(data, behind + 3, end) else size
    return 0


@njit(_nrt=False)
def _decimal(data, at, end, start):  # type: ignore[no-untyped-def]
    """Whether the digits at `at` stand behind a decimal point with nothing before it, as in `.5`."""
    if at == start or data[at - 1] != 46:
        return False
    return at - 1 == start or data[at - 2] in (32, 10, 9, 36, 40, 45, 43, 61, 44)  # white space, $ ( - + = ,


@njit(inline="always", _nrt=False)
def number(data, at, end, start):  # type: ignore[no-untyped-def]
    """(hash, byte after) of digits with separators of thousands and decimals; zeros at the end of decimals go."""
    value, packed, size = _SEED, np.uint64(0), 0
    if at > start and data[at - 1] == 46 and _decimal(data, at, end, start):
        packed, size = np.uint64(48 << 8 | 46), 2
    last = at
    while at < end:
        byte = data[np.uint64(at)]
        if byte >= 48 and byte <= 57:
            stop = at + 1
        elif byte == 46 and _is_digit(data, at + 1, end):
            last = at
            stop = at + 1
            while _is_digit(data, stop, end):
                if data[stop] != 48:
                    last = stop
                stop += 1
            for k in range(at, last + 1 if last > at else at):
                packed = packed << np.uint64(8) | np.uint64(data[k])
                size += 1
                if size & 7 == 0:
                    value = mix(value ^ packed)
                    packed = np.uint64(0)
            at = stop
            continue
        elif byte == 44 or byte == 123 or byte == 92:
            skipped = _group(data, at, end)
            if skipped == 0:
                break
            at += skipped
            continue
        else:
            break
        packed = packed << np.uint64(8) | np.uint64(byte)
        size += 1
        at = stop
        if size & 7 == 0:
            value = mix(value ^ packed)
            packed = np.uint64(0)
    return mix((value ^ packed) + np.uint64(size)), at


@njit(_nrt=False)
def command(data, at, end, kinds, commands):  # type: ignore[no-untyped-def]
    """(byte after, action, hash, class) of what starts with a backslash; an unknown command is a word."""
    stop = at + 1
    if stop >= end or kinds[data[stop]] != LETTER:
        return at + (1 if stop < end and data[stop] == 37 else 2), SKIP, np.uint64(0), WORD
    value, packed, size = _SEED, np.uint64(0), 0
    while stop < end and kinds[data[stop]] == LETTER:
        value, packed, size = push(value, packed, size, data[stop])
        stop += 1
    value = mix((value ^ packed) + np.uint64(size))
    slot = np.int64(value >> np.uint64(40)) & (COMMAND_SLOTS - 1)
    while commands[slot, 0] != 0:
        if commands[slot, 0] == value:
            return stop, np.int64(commands[slot, 1]), commands[slot, 2], np.int64(commands[slot, 3])
        slot = (slot + 1) & (COMMAND_SLOTS - 1)
    value, packed, size = _SEED, np.uint64(0), 0
    for k in range(at + 1, stop):
        value, packed, size = push(value, packed, size, data[k] | 32)
    return stop, TOKEN, mix((value ^ packed) + np.uint64(size)), WORD
