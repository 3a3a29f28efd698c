"""Operators, and where their signs mean something else: Markdown, HTML, bullets, quotes, arrows, hyphens, rulers."""

from __future__ import annotations

from midmix.curation.decontaminate.notation import (
    AT_LEAST,
    AT_MOST,
    DIGIT,
    GREATER,
    LESS_THAN,
    LETTER,
    MINUS,
    PLUS,
    POWER,
    UNEQUAL,
)  # fmt: skip
from midmix.jit import njit

NO_SIGN = -1
_LONGEST_TAG, _LONGEST_MARK, _LONGEST_ENTITY = 160, 64, 8


@njit(_nrt=False)
def entity(data, at, end, kinds):  # type: ignore[no-untyped-def]
    """`&lt;`, `&gt;`, and other entities, which are skipped; (byte after, operator or NO_SIGN)."""
    stop = at + 1
    while stop < end and stop < at + _LONGEST_ENTITY:
        if kinds[data[stop]] != LETTER and kinds[data[stop]] != DIGIT and data[stop] != 35:
            break
        stop += 1
    if stop >= end or data[stop] != 59 or stop == at + 1:
        return at + 1, NO_SIGN
    if stop == at + 3 and data[at + 2] == 116 and (data[at + 1] == 108 or data[at + 1] == 103):
        return stop + 1, LESS_THAN if data[at + 1] == 108 else GREATER
    return stop + 1, NO_SIGN


@njit(inline="always", _nrt=False)
def star(data, at, end, start, kinds):  # type: ignore[no-untyped-def]
    """`**` is a power between two terms, else Markdown's mark; `*` is dropped; (byte after, operator or NO_SIGN)."""
    behind, sign = at + 1, NO_SIGN
    if at + 1 < end and data[at + 1] == 42:
        behind = at + 2
        if at > start and at + 2 < end and _is_power(data[at - 1], data[at + 2], kinds):
            sign = POWER
    return behind, sign


@njit(_nrt=False)
def _is_power(before, behind, kinds):  # type: ignore[no-untyped-def]
    """Whether `**` between these two bytes is a power."""
    if before == 42 or behind == 42 or before == 10 or behind == 10 or (before == 32) != (behind == 32):
        return False
    if before == 32:
        return True
    left, right = kinds[before], kinds[behind]
    opens = right in (LETTER, DIGIT) or behind == 40 or behind == 45
    return opens and (left in (LETTER, DIGIT) or before == 41 or before == 93)


@njit(_nrt=False)
def less(data, at, end, kinds):  # type: ignore[no-untyped-def]
    """`<=`, `<`, an HTML tag or a calculator mark, which are skipped; (byte after, operator or NO_SIGN)."""
    behind = data[at + 1] if at + 1 < end else 32
    if behind == 60:
        stop = at + 2
        while stop + 1 < end and stop < at + _LONGEST_MARK and data[stop] != 10:
            if data[stop] == 62 and data[stop + 1] == 62:
                return stop + 2, NO_SIGN
            stop += 1
        return at + 2, NO_SIGN
    if kinds[behind] == LETTER or behind == 47 or behind == 33:
        stop = at + 1
        while stop < end and stop < at + _LONGEST_TAG and data[stop] != 62 and data[stop] != 60 and data[stop] != 10:
            stop += 1
        if stop < end and data[stop] == 62:
            is_sup = (
                stop == at + 4 and data[at + 1] | 32 == 115 and data[at + 2] | 32 == 117 and data[at + 3] | 32 == 112
            )
            return stop + 1, POWER if is_sup else NO_SIGN
    return (at + 2, AT_MOST) if behind == 61 else (at + 1, LESS_THAN)


@njit(inline="always", _nrt=False)
def sign(data, at, end, start, kinds, signs):  # type: ignore[no-untyped-def]
    """One of `+ - / = > % ^ !`, unless it is a bullet, quote, arrow, hyphen or ruler; (byte after, operator or NO_SIGN)."""
    byte = data[at]
    stop = at + 1
    while stop < end and data[stop] == byte:
        stop += 1
    sign = NO_SIGN
    behind = data[at + 1] if at + 1 < end else 10
    if stop < at + 3:
        if byte == 33 or byte == 62:
            if behind == 61:
                sign = UNEQUAL if byte == 33 else AT_LEAST
                stop = at + 2
            elif byte == 62 and at > start and data[at - 1] != 10 and data[at - 1] != 45:
                sign = GREATER
        elif byte == 45 or byte == 43:
            stop, sign = _plus_or_minus(data, at, stop, end, start, kinds)
        else:
            sign = signs[byte]
    return stop, sign


@njit(_nrt=False)
def _plus_or_minus(data, at, stop, end, start, kinds):  # type: ignore[no-untyped-def]
    """One or two of `+` or `-`; (byte after, operator or NO_SIGN)."""
    behind = data[at + 1] if at + 1 < end else 10
    if (at == start or data[at - 1] == 10) and (behind == 32 or behind == 9 or behind == 10 or stop == at + 2):
        return stop, NO_SIGN  # a bullet
    if data[at] == 43:
        return stop, PLUS
    if stop == at + 2 or behind == 62:
        return at + 2, NO_SIGN
    within = at > start + 1 and at + 2 < end and kinds[behind] == LETTER and kinds[data[at + 2]] == LETTER
    is_hyphen = within and kinds[data[at - 1]] == LETTER and kinds[data[at - 2]] == LETTER
    return stop, NO_SIGN if is_hyphen else MINUS
