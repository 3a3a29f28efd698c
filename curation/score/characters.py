"""What a character is to the scorers: one byte of flags per code point, as Python's `str` methods see it.

The flags follow the running Python's Unicode version, so values may differ between Python versions for characters
that are new in one of them.
"""

from __future__ import annotations

import functools
import unicodedata

import numpy as np
import numpy.typing as npt

SPACE = 1  # str.isspace: what str.split() splits at
ALPHA = 2  # str.isalpha
ALNUM = 4  # str.isalnum
DIGIT = 8  # str.isdecimal
LINE_BREAK = 16  # where str.splitlines() ends a line
PUNCTUATION = 32  # datatrove's PUNCTUATION_SET
CONTROL = 64  # category Cc but for tab, carriage return and line feed
MATH = 128  # + - * / = < > ^ and category Sm beyond ASCII

# Planes 4 to 16 hold no letter, digit, space or symbol; they share the flags of the last entry, which has none.
TABLE_SIZE = 0x40000

LINE_BREAKS = "\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"
ASCII_OPERATORS = "+-*/=<>^"

# Source: datatrove 0.10.1, utils/text.py, PUNCTUATION_SET (281 characters), as inclusive ranges of code points.
PUNCTUATION_RANGES = """
0000-0008 000B-001F 0021-002F 003A-0040 005B-0060 007B-009F 00AB 00B4 00BB 0589 061D-061F 06D4 0700-0702 07F9 0837
0839 083D-083E 0964-0965 104A-104B 1362 1367-1368 166E 1735-1736 17D4-17D6 17D9-17DA 1803 1809 1944-1945 1AA8-1AAB
1B5A-1B5B 1B5E-1B5F 1B7D-1B7E 1C3B-1C3C 1C7E-1C7F 2013-2014 2019 201C-201E 2026 203C-203D 2047-2049 2236 2501 25BA
2E2E 2E3C 2E53-2E54 3001-3002 3008-300D 3010-3011 A4FF A60E-A60F A6F3 A6F7 A876-A877 A8CE-A8CF A92F A9C8-A9C9
AA5D-AA5F AAF0-AAF1 ABEB FE52 FE56-FE57 FF01 FF05 FF08-FF09 FF0C FF0E FF11 FF1A-FF1B FF1F FF5E FF61 10A56-10A57
10F55-10F59 10F86-10F89 11047-11048 110BE-110C1 11141-11143 111C5-111C6 111CD 111DE-111DF 11238-11239 1123B-1123C
112A9 1144B-1144C 115C2-115C3 115C9-115D7 11641-11642 1173C-1173E 11944 11946 11A42-11A43 11A9B-11A9C 11C41-11C42
11EF7-11EF8 11F43-11F44 16A6E-16A6F 16AF5 16B37-16B38 16B44 16E98 1BC9F 1DA88
"""


def punctuation() -> frozenset[int]:
    """Code points that make a word a symbol word when it holds nothing else."""
    bounds = [[int(end, 16) for end in entry.split("-")] for entry in PUNCTUATION_RANGES.split()]
    return frozenset(code for bound in bounds for code in range(bound[0], bound[-1] + 1))


def _flags(code: int) -> int:
    char = chr(code)
    category = unicodedata.category(char)
    return (
        SPACE * char.isspace()
        | ALPHA * char.isalpha()
        | ALNUM * char.isalnum()
        | DIGIT * char.isdecimal()
        | LINE_BREAK * (char in LINE_BREAKS)
        | CONTROL * (category == "Cc" and char not in "\t\r\n")
        | MATH * (char in ASCII_OPERATORS or (code > 127 and category == "Sm"))
    )


@functools.cache
def character_flags() -> npt.NDArray[np.uint8]:
    """Flags by code point, uint8 [0x40000]; made once per process (a tenth of a second)."""
    table = np.fromiter(map(_flags, range(TABLE_SIZE)), np.uint8, TABLE_SIZE)
    table[list(punctuation())] |= PUNCTUATION
    return table
