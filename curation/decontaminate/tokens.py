"""Tokens for leak search, straight from UTF-8 bytes, each with its place: what a text says, whatever its notation.

Words are lower-cased and split at apostrophes, hyphens, `_` and the humps of camelCase; brackets, `$` and `*` are
dropped; `+ - / = < > % ^ <= >= !=` stay, and `**` is `^` unless it is Markdown. LaTeX, Unicode and ASCII forms of one
formula give one row of tokens: `\\frac{a}{b}`, `{a \\over b}` and `a/b`; `½`; `x²`, `x^{2}`; `√`, `\\sqrt`; `π`,
`\\pi`; `xy^2`, `x \\cdot y^2`. "two" to "ninety-nine" are numbers; 1,000 and `1{,}000` are 1000, 3.50 is 3.5. Digits
glued to a letter are a word. HTML tags and calculator marks (`<<2*3=6>>`) are skipped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.clean import text_buffers
from midmix.curation.decontaminate.lexemes import (
    ascii_word,
    command,
    high,
    letter_hash,
    number,
    number_value,
    wide_word,
)  # fmt: skip
from midmix.curation.decontaminate.notation import (
    BACKSLASH,
    BINOMIAL,
    CHAR_LETTER,
    CHAR_SEPARATOR,
    CHAR_SUPERSCRIPT,
    CHAR_SYMBOL,
    CLOSE,
    DIGIT,
    FRACTION,
    HIGH,
    LESS,
    LETTER,
    NUMBER,
    OPEN,
    OPERATOR,
    POWER,
    SEPARATOR,
    SIGN,
    SLASH,
    STAR,
    TOKEN,
    WORD,
    notation,
    token_hash,
)  # fmt: skip
from midmix.curation.decontaminate.signs import entity, less, sign, star
from midmix.jit import njit

# Slots of the scanner's state: next byte, argument that a LaTeX command waits for, depth of braces, a "twenty" before
# a hyphen (value and byte after it), then the arguments that open braces wait for.
AT, WAITING, DEPTH, TENS, TENS_END, BRACES = range(6)
NUM_BRACES = 32
STATE_SLOTS = BRACES + NUM_BRACES
# What is waited for: first argument of a fraction, last argument, first argument of a binomial.
NUMERATOR, LAST, UPPER = 1, 2, 3
# Tokens that one look at the text writes at most.
MOST_AT_ONCE = 8
_CHOOSE = np.uint64(token_hash("choose"))


class Tokens(NamedTuple):
    """Tokens in order: hash, class (WORD, NUMBER, OPERATOR), first byte, byte after the last."""

    hashes: npt.NDArray[np.uint64]
    classes: npt.NDArray[np.uint8]
    begins: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]


def empty_tokens(count: int) -> Tokens:
    """Room for tokens."""
    return Tokens(
        np.zeros(count, np.uint64), np.zeros(count, np.uint8), np.zeros(count, np.int64), np.zeros(count, np.int64)
    )


def take(tokens: Tokens, chosen: slice | npt.NDArray[np.bool_]) -> Tokens:
    """A copy of some tokens."""
    return Tokens(
        tokens.hashes[chosen].copy(),
        tokens.classes[chosen].copy(),
        tokens.begins[chosen].copy(),
        tokens.ends[chosen].copy(),
    )


# Inlined kernels that allocate nothing are compiled without counts of references (`_nrt=False`): a fifth faster.
@njit(inline="always", _nrt=False)
def _put(out, n, value, kind, begin, end):  # type: ignore[no-untyped-def]
    at = np.uint64(n)
    out.hashes[at] = value
    out.classes[at] = kind
    out.begins[at] = begin
    out.ends[at] = end
    return n + 1


@njit(inline="always", _nrt=False)
def _word(data, at, end, start, n, state, out, t):  # type: ignore[no-untyped-def]
    """Write a word, a number word, or `xy` before `^` as `x y`; (byte after, tokens)."""
    value, behind = ascii_word(data, at, end, start, t.bytes)
    follows = data[behind] if behind < end else 32
    if follows >= 128:
        value, behind = wide_word(data, at, end, t.bytes, t.characters, t.folded)
    size = behind - at
    begin, token = at, WORD
    if size >= 3 and size <= 9:
        found = number_value(value, t.number_words)
        if found > 0:
            if found < 10 and state[TENS] and at > start and state[TENS_END] == at - 1 and data[at - 1] == 45:
                n -= 1  # the end of "twenty-five"
                begin, value, token = out.begins[n], t.numbers[state[TENS] + found], NUMBER
                state[TENS] = 0
            elif found > 1:
                value, token = t.numbers[found], NUMBER
                state[TENS], state[TENS_END] = found if found >= 20 else 0, behind
    elif follows == 94 and size == 2:
        n = _put(out, n, letter_hash(data[at] | 32), WORD, at, at + 1)
        begin = at + 1
        value = letter_hash(data[begin] | 32)
    return behind, _put(out, n, value, token, begin, behind)


@njit(inline="always", _nrt=False)
def _argument(byte, at, n, state, out, is_letter):  # type: ignore[no-untyped-def]
    """Write a letter or digit that is a whole argument, as in `\\frac12`; (byte after, tokens, what waited for it)."""
    value = letter_hash(byte | 32 if is_letter else byte)
    return at + 1, _put(out, n, value, WORD if is_letter else NUMBER, at, at + 1), state[WAITING]


@njit(inline="always", _nrt=False)
def _between(at, n, state, out, operators, closed):  # type: ignore[no-untyped-def]
    """Write what stands between two arguments after the first one, and wait for the last; tokens."""
    state[WAITING] = LAST if closed != LAST else 0
    if closed == NUMERATOR:
        n = _put(out, n, operators[SLASH], OPERATOR, at, at)
    elif closed == UPPER:
        n = _put(out, n, _CHOOSE, WORD, at, at)
    return n


@njit(inline="always", _nrt=False)
def _operator(data, at, end, start, kind, n, out, t):  # type: ignore[no-untyped-def]
    """Write an operator where a sign is one; (byte after, tokens)."""
    if kind == SIGN:
        behind, found = sign(data, at, end, start, t.bytes, t.signs)
    elif kind == STAR:
        behind, found = star(data, at, end, start, t.bytes)
    elif kind == LESS:
        behind, found = less(data, at, end, t.bytes)
    else:
        behind, found = entity(data, at, end, t.bytes)
    if found >= 0:
        n = _put(out, n, t.operators[found], OPERATOR, at, behind)
    return behind, n


@njit(inline="always", _nrt=False)
def _open(state):  # type: ignore[no-untyped-def]
    """Remember across a brace what its argument is for."""
    if state[DEPTH] < NUM_BRACES:
        state[BRACES + state[DEPTH]] = state[WAITING]
    state[DEPTH] += 1
    state[WAITING] = 0


@njit(inline="always", _nrt=False)
def _close(state):  # type: ignore[no-untyped-def]
    """What the argument that a brace closes was for."""
    closed = np.int64(0)
    if state[DEPTH] > 0:
        state[DEPTH] -= 1
        state[WAITING] = 0
        if state[DEPTH] < NUM_BRACES:
            closed = state[BRACES + state[DEPTH]]
    return closed


@njit(inline="always", _nrt=False)
def _command(data, at, end, n, state, out, t):  # type: ignore[no-untyped-def]
    """Carry out a LaTeX command; (byte after, tokens)."""
    behind, action, value, token = command(data, at, end, t.bytes, t.commands)
    if action == FRACTION:
        state[WAITING] = NUMERATOR
    elif action == BINOMIAL:
        state[WAITING] = UPPER
    elif action == TOKEN:
        n = _put(out, n, value, token, at, behind)
    return behind, n


@njit(inline="always", _nrt=False)
def _high(data, at, end, n, state, out, t):  # type: ignore[no-untyped-def]
    """Write what starts with a character from U+0080 on; (byte after, tokens)."""
    behind, char, value = high(data, at, end, t.bytes, t.characters, t.folded, t.scripts)
    if char == CHAR_LETTER:
        n = _put(out, n, value, WORD, at, behind)
        state[WAITING] = 0
    elif char == CHAR_SYMBOL:
        row = np.int64(value)
        for k in range(3):
            if t.symbols[row, k, 0] != 0:
                n = _put(out, n, t.symbols[row, k, 0], t.symbols[row, k, 1], at, behind)
    elif char != CHAR_SEPARATOR:
        if char == CHAR_SUPERSCRIPT:
            n = _put(out, n, t.operators[POWER], OPERATOR, at, behind)
        n = _put(out, n, value, NUMBER, at, behind)
    return behind, n


@njit(_nrt=False)
def scan(data, start, end, n, limit, state, out, t):  # type: ignore[no-untyped-def]
    """Write the tokens of data[start:end] from state[AT] on behind the `n` that `out` holds, until it holds `limit`.

    Returns how many it then holds; MOST_AT_ONCE more must fit. Call again with the same state for the rest; all has
    been read when state[AT] is `end`. A new text begins with a state of zeros but for state[AT] = start.
    """
    at = state[AT]
    while at < end and n < limit:
        byte = data[np.uint64(at)]  # an unsigned index spares numba's look for negative ones
        kind = t.bytes[byte]
        closed = np.int64(0)
        if kind == SEPARATOR:
            at += 1
            while at < end and t.bytes[data[np.uint64(at)]] == SEPARATOR:
                at += 1
        elif kind in (LETTER, DIGIT) and state[WAITING]:
            at, n, closed = _argument(byte, at, n, state, out, kind == LETTER)
        elif kind == LETTER:
            at, n = _word(data, at, end, start, n, state, out, t)
        elif kind == DIGIT:
            value, behind = number(data, at, end, start)
            glued = at > start and t.bytes[data[at - 1]] == LETTER
            n = _put(out, n, value, WORD if glued else NUMBER, at, behind)
            at = behind
        elif kind == BACKSLASH:
            at, n = _command(data, at, end, n, state, out, t)
        elif kind == OPEN:
            _open(state)
            at += 1
        elif kind == CLOSE:
            closed = _close(state)
            at += 1
        elif kind == HIGH:
            at, n = _high(data, at, end, n, state, out, t)
        else:
            at, n = _operator(data, at, end, start, kind, n, out, t)
        if closed:
            n = _between(at, n, state, out, t.operators, closed)
    state[AT] = min(at, end)
    return n


@njit
def _scan_all(data, offsets, out_offsets, out, t):  # type: ignore[no-untyped-def]
    state = np.zeros(STATE_SLOTS, np.int64)
    n = np.int64(0)  # a plain 0 would have the scanner compiled twice
    for text in range(offsets.size - 1):
        state[:] = 0
        state[AT] = offsets[text]
        n = scan(data, offsets[text], offsets[text + 1], n, out.hashes.size, state, out, t)
        out_offsets[text + 1] = n


def tokenize(texts: pa.LargeStringArray) -> tuple[npt.NDArray[np.int64], Tokens]:
    """(offsets int64 [n + 1], tokens) of texts; places count from the start of each text's buffer."""
    bounds, data = text_buffers(texts)
    out = empty_tokens(2 * int(bounds[-1] - bounds[0]) + MOST_AT_ONCE)
    offsets = np.zeros(len(texts) + 1, np.int64)
    _scan_all(data, bounds, offsets, out, notation())
    return offsets, take(out, slice(offsets[-1]))
