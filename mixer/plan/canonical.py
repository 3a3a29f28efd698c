"""Canonical JSON in bytes, and the same laid out for people, without ever holding the whole as objects.

`json.dumps(value, indent=1)` of the plan of 100,000 shards took 25 CPU-seconds and 700 MiB: with an indent it is written
in Python, one string per brace. Laying out the compact form takes under two, a mebibyte at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

# Bytes laid out at a time.
BLOCK = 1 << 20
QUOTE, COMMA, COLON, NEWLINE, SPACE = b'",:\n '
OPEN, CLOSE = np.frombuffer(b"{[", np.uint8), np.frombuffer(b"}]", np.uint8)


def compact(value: Any) -> bytes:
    """Keys sorted, no space: equal values give equal bytes. Raises ValueError for a number that is not finite."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def indented(text: bytes) -> Iterator[bytes]:
    """What `compact` gives, in blocks, as `json.dumps(value, indent=1)` lays it out."""
    # An escaped quote ends no string. Backslashes come in pairs but for the one that escapes something else.
    plain = text.replace(b"\\\\", b"..").replace(b'\\"', b"..") if b"\\" in text else text
    chars, shown = np.frombuffer(plain, np.uint8), np.frombuffer(text, np.uint8)
    quotes = depth = 0
    for start in range(0, len(chars), BLOCK):
        block = chars[start : start + BLOCK]
        after = np.append(chars[start + 1 : start + 1 + len(block)], np.uint8(SPACE))[: len(block)]
        quoted = quotes + np.cumsum(block == QUOTE, dtype=np.int32)
        outside = quoted % 2 == 0
        opens = np.isin(block, OPEN) & outside
        depths = depth + np.cumsum(opens.astype(np.int32) - (np.isin(block, CLOSE) & outside), dtype=np.int32)
        yield _laid_out(block, after, outside, opens, depths, shown[start : start + BLOCK])
        quotes, depth = int(quoted[-1]) % 2, int(depths[-1])


def _laid_out(
    block: npt.NDArray[np.uint8],
    after: npt.NDArray[np.uint8],
    outside: npt.NDArray[np.bool_],
    opens: npt.NDArray[np.bool_],
    depths: npt.NDArray[np.int32],
    shown: npt.NDArray[np.uint8],
) -> bytes:
    """A block with what stands after each of its characters: a line break and as many spaces as its depth, or a space."""
    closing = np.isin(after, CLOSE) & outside
    breaks = (opens | ((block == COMMA) & outside)) & ~closing | (closing & ~opens)
    room = np.where(breaks, 1 + depths - closing, (block == COLON) & outside)
    ends = np.cumsum(1 + room)
    out = np.full(ends[-1], SPACE, np.uint8)
    places = ends - 1 - room
    out[places] = shown
    out[places[breaks] + 1] = NEWLINE
    return out.tobytes()
