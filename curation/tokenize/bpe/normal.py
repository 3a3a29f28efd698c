"""Which code points a text in NFC may be in doubt about.

Where a tokenizer normalizes, texts that NFC would change are not for the kernels. `unicodedata` says which they are,
1.2 GB/s; the engine's Unicode version is another, but what NFC does to an assigned character never changes
(Unicode's stability policy), and a text with one that Python does not know is taken for in doubt altogether.
"""

from __future__ import annotations

import functools
import unicodedata

import numpy as np
import numpy.typing as npt

from midmix.curation.tokenize.bpe.code_points import CODES, SURROGATES, kept_table

NORMAL, DOUBTFUL, UNKNOWN = range(3)
# All code points below are normal wherever they stand; their first byte is below FIRST_LEAD.
FIRST_CODE, FIRST_LEAD = 0x300, 0xCC
# Hangul vowels and final consonants compose by rule, not by a table.
_JAMO = (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))


@functools.cache
def doubts() -> npt.NDArray[np.uint8]:
    """NORMAL, DOUBTFUL or UNKNOWN for every code point: uint8[0x110000], read-only.

    A text of NORMAL ones is in NFC; one with DOUBTFUL ones may not be.
    """
    return kept_table("doubts", f"unicode {unicodedata.unidata_version}", _make)


def is_normal(text: str) -> bool:
    """Whether a text without UNKNOWN code points is in NFC."""
    return unicodedata.is_normalized("NFC", text)


def _make() -> npt.NDArray[np.uint8]:
    table = np.zeros(CODES, np.uint8)
    table[list(_JAMO)] = DOUBTFUL
    for code in range(FIRST_CODE, CODES):
        if code in SURROGATES:
            continue
        char = chr(code)
        if unicodedata.category(char) == "Cn":
            table[code] = UNKNOWN
        elif unicodedata.combining(char) or not unicodedata.is_normalized("NFC", char):
            table[code] = DOUBTFUL
    for code in range(CODES):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            table[int(parts[1], 16)] = DOUBTFUL
    return table
