"""datatrove's normalisation of a text: small letters, 0 for numbers, spaces for punctuation, no diacritics.

Source: datatrove 0.10.1, utils/text.py, simplify_text with its default TextNormConfig.
"""

from __future__ import annotations

import functools
import re
import unicodedata

# Its PUNCTUATION, as inclusive ranges of code points; not the whole of PUNCTUATION_SET.
PUNCTUATION_RANGES = """
0000-0008 000B-001F 0021-002F 003A-0040 005B-0060 007B-009F 00AB 00B4 00BB 2013-2014 2019 201C-201E 2026 2236 2501 25BA
3001-3002 3008-300D 3010-3011 FF01 FF05 FF08-FF09 FF0C FF0E FF11 FF1A-FF1B FF1F FF5E
"""
# Digits that the `regex` package it uses knows of, and Unicode 14, the oldest that a Python here may have, does not.
LATER_DIGITS = (
    "\U00010d40-\U00010d49\U000116d0-\U000116e3\U00011bf0-\U00011bf9\U00011de0-\U00011de9\U00011f50-\U00011f59"
    "\U00016130-\U00016139\U00016d70-\U00016d79\U0001ccf0-\U0001ccf9\U0001e4f0-\U0001e4f9\U0001e5f1-\U0001e5fa"
)
NUMBER = re.compile(rf"[\d{LATER_DIGITS}]+(?:[.,\u060c\u066b\u2396-\u2398][\d{LATER_DIGITS}]+)?")


@functools.cache
def _tables() -> tuple[dict[int, str], dict[int, None]]:
    """Punctuation to spaces, and marks of category Mn to nothing; made in 0.1 s."""
    bounds = [[int(end, 16) for end in entry.split("-")] for entry in PUNCTUATION_RANGES.split()]
    spaces = {code: " " for bound in bounds for code in range(bound[0], bound[-1] + 1)}
    marks = (*range(0x20000), *range(0xE0000, 0xE0200))
    return spaces, {code: None for code in marks if unicodedata.category(chr(code)) == "Mn"}


def simplify(lines: list[str]) -> list[str]:
    """What datatrove makes of each text, white space at its ends left there; no text may hold a line feed."""
    spaces, marks = _tables()
    text = NUMBER.sub("0", "\n".join(lines).lower()).translate(spaces)
    text = "\n".join(" ".join(line.split()) for line in text.split("\n"))
    return unicodedata.normalize("NFD", text).translate(marks).split("\n")
