"""Where a text has functions of Python, by a quick look: most text has none and is read no further."""

from __future__ import annotations

import numpy as np

from midmix.jit import njit

_NEWLINE, _TAB, _SPACE, _COLON, _SEMICOLON = 10, 9, 32, 58, 59
# Compared with bytes as bytes, so that a loop over them takes many at a time.
_D, _E, _F, _R, _T, _U = (np.uint8(ord(letter)) for letter in "defrtu")
_BLANK = np.uint8(_SPACE)
_BLOCK = 256


@njit(_nrt=False)
def code_span(data, start, end):  # type: ignore[no-untyped-def]
    """(first byte, byte after the last) of what functions a text may hold; both `start` where it holds none.

    It ends with the last line that has `return`, and starts with the first `def` unless some function returns before.
    """
    returns = _find(data, start, end, _R, _E, _T, _U)
    while returns >= 0 and not _opens_statement(data, returns, start, end):
        returns = _find(data, returns + 1, end, _R, _E, _T, _U)
    if returns < 0:
        return start, start
    first = _find(data, start, returns, _D, _E, _F, _BLANK)
    last = _find_last(data, returns, end, _R, _E, _T, _U)
    while last < end and data[last] != _NEWLINE:
        last += 1
    return (start if first < 0 else first), last


@njit(_nrt=False)
def _opens_statement(data, at, start, end):  # type: ignore[no-untyped-def]
    """Whether an indented line, or a block of one line, begins at `at` and does not end with `;`."""
    before = at - 1
    while before >= start and (data[before] == _SPACE or data[before] == _TAB):
        before -= 1
    if before >= start and data[before] != _COLON and (data[before] != _NEWLINE or before == at - 1):
        return False
    while at < end and data[at] != _NEWLINE:
        at += 1
    return data[at - 1] != _SEMICOLON


@njit(_nrt=False)
def _holds(data, at, stop, a, b, c, d):  # type: ignore[no-untyped-def]
    """Whether these four bytes stand anywhere with the first from `at` to `stop`. Without a jump, for vector units."""
    found = np.uint8(0)
    for k in range(np.uint64(at), np.uint64(stop)):
        one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
        found |= np.uint8((data[k] == a) & (data[k + one] == b) & (data[k + two] == c) & (data[k + three] == d))
    return found != 0


@njit(_nrt=False)
def _find(data, at, end, a, b, c, d):  # type: ignore[no-untyped-def]
    """Where these four bytes stand first from `at` on, else -1."""
    stop = end - 3
    while at < stop:
        block = min(stop, at + _BLOCK)
        if _holds(data, at, block, a, b, c, d):
            while data[at] != a or data[at + 1] != b or data[at + 2] != c or data[at + 3] != d:
                at += 1
            return at
        at = block
    return -1


@njit(_nrt=False)
def _find_last(data, start, end, a, b, c, d):  # type: ignore[no-untyped-def]
    """Where these four bytes stand last from `start` on, where they stand."""
    stop = end - 3
    while stop > start:
        block = max(start, stop - _BLOCK)
        if _holds(data, block, stop, a, b, c, d):
            at = stop - 1
            while data[at] != a or data[at + 1] != b or data[at + 2] != c or data[at + 3] != d:
                at -= 1
            return at
        stop = block
    return start
