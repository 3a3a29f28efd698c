"""What kind of character every code point is to the regular expressions of the installed `tokenizers`.

The engine is asked, since its Unicode version is its own: it differs from Python's `unicodedata` on some 9,000 code
points, U+001C to U+001F among them. That takes two to three seconds, so the answer is kept in midmix's cache.
"""

from __future__ import annotations

import functools
import importlib.metadata

import numpy as np
import numpy.typing as npt

from midmix.curation.tokenize.bpe.code_points import CODES, SURROGATES, kept_table

# Order matters: everything from WHITE on is white space.
OTHER, UPPER, LOWER, LETTER, MARK, NUMBER, PUNCTUATION, SYMBOL, WHITE, NEWLINE, SPACE = range(11)
# The engine's own classes; they are disjoint, but for the last two, which are cut out of white space.
PROBES = (
    (r"[\p{Lu}\p{Lt}]+", UPPER),
    (r"\p{Ll}+", LOWER),
    (r"[\p{Lm}\p{Lo}]+", LETTER),
    (r"\p{M}+", MARK),
    (r"\p{N}+", NUMBER),
    (r"\p{P}+", PUNCTUATION),
    (r"\p{S}+", SYMBOL),
    (r"\s+", WHITE),
)
# Code points asked about at a time; surrogates fill one block. A string of all of them takes ten times as long (2.3 s a class).
_BLOCK = 1 << 11


@functools.cache
def categories() -> npt.NDArray[np.uint8]:
    """Kind of every code point, uint8[0x110000], read-only; surrogates, which no text has, are OTHER."""
    return kept_table("categories", f"tokenizers {importlib.metadata.version('tokenizers')} {PROBES}", _probe)


def _probe() -> npt.NDArray[np.uint8]:
    from tokenizers import Regex, pre_tokenizers

    table = np.zeros(CODES, np.uint8)
    for pattern, category in PROBES:
        split = pre_tokenizers.Split(Regex(pattern), "removed")
        for first in range(0, CODES, _BLOCK):
            if first in SURROGATES:
                continue
            inside = np.ones(_BLOCK, bool)
            for _, (begin, end) in split.pre_tokenize_str("".join(map(chr, range(first, first + _BLOCK)))):
                inside[begin:end] = False
            mine = table[first : first + _BLOCK]
            if (mine[inside] != OTHER).any():
                raise AssertionError(f"{pattern} shares a code point of U+{first:04X} and on with another class")
            mine[inside] = category
    table[[10, 13]] = NEWLINE
    table[32] = SPACE
    return table


@functools.cache
def numeric() -> npt.NDArray[np.uint8]:
    """1 for every code point that the pre-tokenizer Digits takes for one: uint8[0x110000], read-only.

    It asks the library's other source of Unicode, Rust's own, so it is probed by itself.
    """
    return kept_table("numeric", f"tokenizers {importlib.metadata.version('tokenizers')}", _probe_numeric)


def _probe_numeric() -> npt.NDArray[np.uint8]:
    from tokenizers import pre_tokenizers

    table = np.zeros(CODES, np.uint8)
    digits = pre_tokenizers.Digits(individual_digits=True)
    for first in range(0, CODES, _BLOCK):
        if first not in SURROGATES:
            # A letter before each keeps those that are none from standing alone.
            text = "".join(f"a{chr(code)}" for code in range(first, first + _BLOCK))
            alone = [begin for _, (begin, end) in digits.pre_tokenize_str(text) if end - begin == 1]
            table[[first + begin // 2 for begin in alone if begin % 2]] = 1
    return table
