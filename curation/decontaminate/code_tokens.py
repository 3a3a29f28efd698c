"""Tokens of code whose names do not matter: what stays of a function when its variables are renamed.

Keywords, builtins, attributes, literals and operators stand for themselves. Any other name stands for how many tokens
ago it was last used (Baker's parameterised matching, STOC 1993), or for "a name" where that is more than NEAR, so that
two texts that differ in names alone give the same tokens. Comments, strings in triple quotes, parentheses, commas,
colons and layout are dropped, which formatters change. The scanner knows Python's lexemes; other text gives tokens too,
which nothing matches.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.clean import text_buffers
from midmix.curation.decontaminate.notation import OPERATOR, SEED, WORD, mix_of, token_hash
from midmix.curation.decontaminate.tokens import AT, MOST_AT_ONCE, Tokens, empty_tokens, take
from midmix.curation.decontaminate.words import mix
from midmix.jit import njit

# Slots of the scanner's state: next byte (tokens.AT), then how many tokens were written.
WRITTEN = 1
NEAR = 24
NAME_SLOTS, KNOWN_SLOTS = 2048, 512
_KNOWN = (
    "and as assert async await break class continue def del elif else except finally for from global if import in is "
    "lambda nonlocal not or pass raise return try while with yield None True False "
    "abs all any bin bool bytes chr dict divmod enumerate eval filter float frozenset hash hex int isinstance iter len "
    "list map max min next object oct ord pow print range reversed round set sorted str sum super tuple type zip "
    "List Dict Tuple Set Optional Any Union math"
).split()  # fmt: skip
# Classes of bytes. Parentheses, commas and colons count as blank.
NAME, DIGIT, BLANK, QUOTE, COMMENT, SIGN, DOT = range(7)
_SEED = np.uint64(SEED)
# The hash of a dot, behind which a name stands for itself.
_ATTRIBUTE = np.uint64(mix_of(ord(".") << 16))


class CodeNotation(NamedTuple):
    """The tables of the scanner.

    bytes: uint8 [256], class; known: uint64 [KNOWN_SLOTS], hashes of names that stand for themselves, 0 where free;
    distances: uint64 [NEAR + 1], hashes of names that were last used so many tokens ago.
    """

    bytes: npt.NDArray[np.uint8]
    known: npt.NDArray[np.uint64]
    distances: npt.NDArray[np.uint64]


@functools.cache
def code_notation() -> CodeNotation:
    """The tables, made once per process."""
    classes = np.full(256, BLANK, np.uint8)
    for byte in range(256):
        if chr(byte).isalpha() or byte == ord("_") or byte >= 0x80:
            classes[byte] = NAME
        elif byte < 0x80 and chr(byte).isdigit():
            classes[byte] = DIGIT
    for signs, kind in (("\"'", QUOTE), ("#", COMMENT), ("+-*/%=<>!&|^~@[]{}", SIGN), (".", DOT)):
        for sign in signs:
            classes[ord(sign)] = kind
    known = np.zeros(KNOWN_SLOTS, np.uint64)
    for name in _KNOWN:
        slot = token_hash(name) >> 40 & KNOWN_SLOTS - 1
        while known[slot]:
            slot = (slot + 1) & KNOWN_SLOTS - 1
        known[slot] = token_hash(name)
    return CodeNotation(classes, known, np.array([mix_of(n + 1) for n in range(NEAR + 1)], np.uint64))


def empty_names() -> npt.NDArray[np.uint64]:
    """No name was used yet: uint64 [NAME_SLOTS, 2], by slot of its hash the name's hash and when it was last used."""
    return np.zeros((NAME_SLOTS, 2), np.uint64)


@njit(_nrt=False)
def _bytes_hash(data, begin, end):  # type: ignore[no-untyped-def]
    """The hash of some bytes, as notation.token_hash."""
    value, packed, size = _SEED, np.uint64(0), 0
    for k in range(begin, end):
        packed = packed << np.uint64(8) | np.uint64(data[k])
        size += 1
        if size & 7 == 0:
            value = mix(value ^ packed)
            packed = np.uint64(0)
    return mix((value ^ packed) + np.uint64(size))


@njit(_nrt=False)
def _string_end(data, at, end):  # type: ignore[no-untyped-def]
    """(byte after a string that opens at `at`, bytes of its quotes, 0 where nothing closes it).

    One in single quotes ends with its line.
    """
    quote = data[at]
    triple = at + 2 < end and data[at + 1] == quote and data[at + 2] == quote
    stop = at + (3 if triple else 1)
    while stop < end:
        byte = data[np.uint64(stop)]
        if byte > 39 and byte != 92:
            stop += 1
        elif byte == 92:
            stop += 2
        elif byte == quote and not triple:
            return stop + 1, 1
        elif byte == quote and stop + 2 < end and data[stop + 1] == quote and data[stop + 2] == quote:
            return stop + 3, 3
        elif byte == 10 and not triple:
            return stop, 0
        else:
            stop += 1
    return (at + 3 if triple else min(stop, end)), 0


@njit(inline="always", _nrt=False)
def _name_end(data, at, end, kinds):  # type: ignore[no-untyped-def]
    """(hash, byte after) of a name, case-sensitive."""
    begin = at
    value, packed = _SEED, np.uint64(0)
    while at < end and kinds[data[np.uint64(at)]] <= DIGIT:
        packed = packed << np.uint64(8) | np.uint64(data[np.uint64(at)])
        at += 1
        if (at - begin) & 7 == 0:
            value = mix(value ^ packed)
            packed = np.uint64(0)
    return mix((value ^ packed) + np.uint64(at - begin)), at


@njit(inline="always", _nrt=False)
def _is_known(value, known):  # type: ignore[no-untyped-def]
    """Whether a name stands for itself."""
    slot = value >> np.uint64(40) & np.uint64(KNOWN_SLOTS - 1)
    while known[slot] != 0 and known[slot] != value:
        slot = slot + np.uint64(1) & np.uint64(KNOWN_SLOTS - 1)
    return known[slot] != 0


@njit(inline="always", _nrt=False)
def _distance(value, written, names):  # type: ignore[no-untyped-def]
    """How many tokens ago a name was last used, at most NEAR; it is used now."""
    slot = value >> np.uint64(40) & np.uint64(NAME_SLOTS - 1)
    now, far = np.uint64(written), np.uint64(NEAR)
    ago = now - names[slot, 1] if names[slot, 0] == value else far
    names[slot, 0], names[slot, 1] = value, now
    return min(ago, far)


@njit(inline="always", _nrt=False)
def _sign_end(data, at, end, kind):  # type: ignore[no-untyped-def]
    """(hash, byte after) of an operator of one or two bytes: `==`, `+=`, `**`, but `[[` is two."""
    sign, behind = np.uint64(data[at]) << np.uint64(16), at + 1
    if (
        kind == SIGN
        and behind < end
        and (data[behind] == 61 or (data[behind] == data[at] and data[at] != 91 and data[at] != 93))
    ):
        sign |= np.uint64(data[behind]) << np.uint64(8)
        behind += 1
    return mix(sign), behind


@njit(_nrt=False)
def scan_code(data, end, n, limit, state, out, t, names):  # type: ignore[no-untyped-def]
    """Write the tokens of data[state[AT]:end] behind the `n` that `out` holds, until it holds `limit`; how many then.

    As tokens.scan; `state` and `names` go with the text.
    """
    at = state[AT]
    while at < end and n < limit:
        begin = at
        kind = t.bytes[data[np.uint64(at)]]
        if kind == BLANK:
            at += 1
            while at < end and t.bytes[data[np.uint64(at)]] == BLANK:
                at += 1
            continue
        if kind == COMMENT:
            while at < end and data[np.uint64(at)] != 10:
                at += 1
            continue
        token = OPERATOR
        if kind == NAME:
            value, at = _name_end(data, begin, end, t.bytes)
            if at < end and t.bytes[data[at]] == QUOTE and at - begin <= 2:
                continue  # the prefix of a string
            token = WORD
            if (n == 0 or out.hashes[n - 1] != _ATTRIBUTE) and not _is_known(value, t.known):
                value = t.distances[_distance(value, state[WRITTEN], names)]
        elif kind == QUOTE:
            at, quotes = _string_end(data, begin, end)
            if quotes == 3 or (quotes == 0 and at == begin + 3):
                continue
            value, token = _bytes_hash(data, begin + 1, max(begin + 1, at - quotes)), WORD
        elif kind == DIGIT:
            while at < end and (t.bytes[data[at]] <= DIGIT or data[at] == 46):
                at += 1
            value = _bytes_hash(data, begin, at)
        else:
            value, at = _sign_end(data, begin, end, kind)
        out.hashes[n], out.classes[n], out.begins[n], out.ends[n] = value, token, begin, at
        n += 1
        state[WRITTEN] += 1
    state[AT] = min(at, end)
    return n


@njit
def _scan_all(data, offsets, out_offsets, out, t, names):  # type: ignore[no-untyped-def]
    state = np.zeros(2, np.int64)
    n = np.int64(0)  # a plain 0 would have the scanner compiled twice
    for text in range(offsets.size - 1):
        state[AT] = offsets[text]
        state[WRITTEN] += NEAR  # further than any name of the text before
        n = scan_code(data, offsets[text + 1], n, out.hashes.size, state, out, t, names)
        out_offsets[text + 1] = n


def tokenize_code(texts: pa.LargeStringArray) -> tuple[npt.NDArray[np.int64], Tokens]:
    """(offsets int64 [n + 1], tokens) of texts; places count from the start of the texts' buffer."""
    bounds, data = text_buffers(texts)
    out = empty_tokens(int(bounds[-1] - bounds[0]) + MOST_AT_ONCE)
    offsets = np.zeros(len(texts) + 1, np.int64)
    _scan_all(data, bounds, offsets, out, code_notation(), empty_names())
    return offsets, take(out, slice(offsets[-1]))
