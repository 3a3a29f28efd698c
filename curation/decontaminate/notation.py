"""What the scanner of tokens knows of notation: byte classes, operators, number words, symbols, LaTeX commands."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

# Classes of tokens.
WORD, NUMBER, OPERATOR = range(3)
# Classes of bytes, as the scanner branches.
SEPARATOR, LETTER, DIGIT, SIGN, BACKSLASH, OPEN, CLOSE, HIGH, AMPERSAND, STAR, LESS = range(11)
# Classes of characters from U+0080 on. ALONE is a word of its own (Han and kana have no spaces between words).
CHAR_SEPARATOR, CHAR_LETTER, CHAR_GREEK, CHAR_SYMBOL, CHAR_SUPERSCRIPT, CHAR_SUBSCRIPT, CHAR_ALONE = range(7)
# What a LaTeX command does: SKIP nothing, FRACTION and BINOMIAL take two arguments, TOKEN is one token.
NO_COMMAND, SKIP, FRACTION, BINOMIAL, TOKEN = range(5)

OPERATORS = ("+", "-", "/", "=", "<", ">", "%", "^", "<=", ">=", "!=")
PLUS, MINUS, SLASH, EQUAL, LESS_THAN, GREATER, PERCENT, POWER, AT_MOST, AT_LEAST, UNEQUAL = range(11)
# Code points with an entry in the tables of characters: U+0080-07FF, then U+2000-22FF.
LOW_POINTS, HIGH_POINTS = 0x800, 0x300
COMMAND_SLOTS, NUMBER_SLOTS = 512, 128
SEED = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1

_NUMBER_WORDS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()  # fmt: skip
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma sigma tau upsilon "
    "phi chi psi omega"
).split()  # fmt: skip
_SKIPPED_COMMANDS = (
    "left right big Big bigl bigr Bigl Bigr bigg Bigg biggl biggr displaystyle textstyle mathrm mathbf mathit text "
    "textbf textit operatorname quad qquad cdot times ast limits nolimits boldsymbol mathbb mathcal mathsf begin end "
    "item hspace vspace ldots dots cdots to rightarrow Rightarrow implies circ lvert rvert vert lVert rVert"
).split()  # fmt: skip
_COMMAND_TOKENS = {
    "over": "/", "div": "/", "le": "<=", "leq": "<=", "leqslant": "<=", "ge": ">=", "geq": ">=", "geqslant": ">=",
    "ne": "!=", "neq": "!=", "lt": "<", "gt": ">", "varepsilon": "epsilon", "varphi": "phi", "vartheta": "theta",
}  # fmt: skip
# Characters as the tokens that the same thing gives in LaTeX or ASCII.
_SYMBOLS = {
    "÷": "/", "⁄": "/", "∕": "/", "−": "-", "≤": "<=", "≥": ">=", "≠": "!=", "√": "sqrt", "∞": "infty",
    "±": "pm", "∑": "sum", "∏": "prod", "∫": "int", "∂": "partial", "∈": "in", "≈": "approx", "≡": "equiv",
    "½": "1 / 2", "¼": "1 / 4", "¾": "3 / 4", "⅐": "1 / 7", "⅑": "1 / 9", "⅒": "1 / 10", "⅓": "1 / 3", "⅔": "2 / 3",
    "⅕": "1 / 5", "⅖": "2 / 5", "⅗": "3 / 5", "⅘": "4 / 5", "⅙": "1 / 6", "⅚": "5 / 6", "⅛": "1 / 8", "⅜": "3 / 8",
    "⅝": "5 / 8", "⅞": "7 / 8",
}  # fmt: skip
_SUPERSCRIPTS, _SUBSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹", "₀₁₂₃₄₅₆₇₈₉"


class Notation(NamedTuple):
    """The tables of the scanner; kernels take it as one argument.

    bytes: uint8 [256], class; signs: int64 [256], ordinal of a byte's operator; operators: uint64 [11], hashes.
    commands: uint64 [COMMAND_SLOTS, 4], (hash of the name, action, hash and class of its token), case-sensitive;
    number_words: uint64 [NUMBER_SLOTS, 2], (hash of the name, value); both by open addressing from the high bits of
    the hash, 0 where a slot is free. numbers: uint64 [100], hashes of 0 to 99.
    characters: uint8 by point (see point_row), class; folded: uint16 [LOW_POINTS], the small letter; scripts: uint8,
    digit; symbols: uint64 [points, 3, 2], (hash, class) of the tokens of a symbol or Greek letter, 0 behind the last.
    """

    bytes: npt.NDArray[np.uint8]
    signs: npt.NDArray[np.int64]
    operators: npt.NDArray[np.uint64]
    commands: npt.NDArray[np.uint64]
    number_words: npt.NDArray[np.uint64]
    numbers: npt.NDArray[np.uint64]
    characters: npt.NDArray[np.uint8]
    folded: npt.NDArray[np.uint16]
    scripts: npt.NDArray[np.uint8]
    symbols: npt.NDArray[np.uint64]


@functools.cache
def notation() -> Notation:
    """The tables, made once per process."""
    words = {name: n + 1 for n, name in enumerate(_NUMBER_WORDS)} | {n: 20 + 10 * i for i, n in enumerate(_TENS)}
    return Notation(
        _byte_classes(),
        np.array([OPERATORS.index(chr(b)) if chr(b) in OPERATORS else 0 for b in range(256)], np.int64),
        np.array([_token(sign)[0] for sign in OPERATORS], np.uint64),
        _table(_commands(), COMMAND_SLOTS),
        _table({name: (value,) for name, value in words.items()}, NUMBER_SLOTS),
        np.array([token_hash(str(n)) for n in range(100)], np.uint64),
        *_characters(),
    )


def token_hash(text: str) -> int:
    """The hash that the scanner gives a token of these bytes."""
    data = text.encode()
    value = SEED
    whole = len(data) // 8 * 8
    for i in range(0, whole, 8):
        value = mix_of(value ^ int.from_bytes(data[i : i + 8], "big"))
    return mix_of(((value ^ int.from_bytes(data[whole:], "big")) + len(data)) & _MASK)


def mix_of(x: int) -> int:
    """Stafford's variant 13, as `words.mix`."""
    x ^= x >> 30
    x = x * 0xBF58476D1CE4E5B9 & _MASK
    x ^= x >> 27
    x = x * 0x94D049BB133111EB & _MASK
    return x ^ (x >> 31)


def _token(text: str) -> tuple[int, int]:
    """(hash, class) of a token."""
    if text in OPERATORS:
        return token_hash(f"\0{text}"), OPERATOR
    return token_hash(text), NUMBER if text.isdigit() else WORD


def _byte_classes() -> npt.NDArray[np.uint8]:
    classes = np.zeros(256, np.uint8)
    for byte in range(256):
        letter = chr(byte)
        if byte >= 0x80:
            classes[byte] = HIGH
        elif letter.isalpha():
            classes[byte] = LETTER
        elif letter.isdigit():
            classes[byte] = DIGIT
    for signs, kind in (
        ("+-/=>%^!", SIGN),
        ("\\", BACKSLASH),
        ("{", OPEN),
        ("}", CLOSE),
        ("&", AMPERSAND),
        ("*", STAR),
        ("<", LESS),
    ):
        for sign in signs:
            classes[ord(sign)] = kind
    return classes


def _commands() -> dict[str, tuple[int, int, int]]:
    out = dict.fromkeys(_SKIPPED_COMMANDS, (SKIP, 0, 0))
    out |= dict.fromkeys(("frac", "dfrac", "tfrac", "cfrac"), (FRACTION, 0, 0))
    out |= dict.fromkeys(("binom", "dbinom", "tbinom"), (BINOMIAL, 0, 0))
    out |= {name: (TOKEN, *_token(text)) for name, text in _COMMAND_TOKENS.items()}
    return out


def _table(values: Mapping[str, tuple[int, ...]], slots: int) -> npt.NDArray[np.uint64]:
    """(hash of the name, values) by open addressing."""
    out = np.zeros((slots, 1 + len(next(iter(values.values())))), np.uint64)
    for name, value in values.items():
        slot = token_hash(name) >> 40 & slots - 1
        while out[slot, 0]:
            slot = (slot + 1) & slots - 1
        out[slot] = (token_hash(name), *value)
    return out


def point_row(point: int) -> int:
    """Row of a code point in the tables of characters: U+0080-07FF as it is, U+2000-22FF behind them."""
    return point if point < LOW_POINTS else point - 0x2000 + LOW_POINTS


def _characters() -> tuple[npt.NDArray[Any], ...]:
    """Classes, folded letters, digits of scripts, and tokens of symbols."""
    size = LOW_POINTS + HIGH_POINTS
    kinds, scripts = np.full(size, CHAR_SEPARATOR, np.uint8), np.zeros(size, np.uint8)
    folded = np.zeros(LOW_POINTS, np.uint16)
    symbols = np.zeros((size, 3, 2), np.uint64)
    for point in range(0x80, LOW_POINTS):
        small = chr(point).lower()
        if chr(point).isalpha() or 0x300 <= point < 0x370:  # combining marks belong to their letter
            kinds[point] = CHAR_LETTER
            folded[point] = ord(small) if len(small) == 1 and 0x80 <= ord(small) < LOW_POINTS else point
    for number, name in enumerate(_GREEK):
        for point in {0x3B1 + number, ord(chr(0x3B1 + number).upper())}:
            kinds[point] = CHAR_GREEK
            symbols[point, 0] = _token(name)
    for symbol, text in _SYMBOLS.items():
        row = point_row(ord(symbol))
        kinds[row] = CHAR_SYMBOL
        for place, token in enumerate(text.split()):
            symbols[row, place] = _token(token)
    for digits, kind in ((_SUPERSCRIPTS, CHAR_SUPERSCRIPT), (_SUBSCRIPTS, CHAR_SUBSCRIPT)):
        for digit, sign in enumerate(digits):
            kinds[point_row(ord(sign))], scripts[point_row(ord(sign))] = kind, digit
    return kinds, folded, scripts, symbols
