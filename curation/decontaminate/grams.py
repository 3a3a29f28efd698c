"""Grams of tokens, by which texts are looked up: numbers are masked where two words or more stand with them.

So one item with other numbers is found too, and rows of numbers, which chance repeats, are not looked for at all.
"""

from __future__ import annotations

import numpy as np

from midmix.curation.decontaminate.notation import NUMBER, WORD
from midmix.curation.decontaminate.words import mix
from midmix.jit import njit

UNUSED = np.uint64(0)
_BASE = 0xD6E8FEB86659FD93
_MULTIPLIER = np.uint64(_BASE)
_ANY_NUMBER = np.uint64(0x5851F42D4C957F2D)


@njit(_nrt=False)
def gram_hashes(hashes, classes, first, n, length, out):  # type: ignore[no-untyped-def]
    """Write the hash of each gram of `length` tokens from `first` to `n` to `out`, UNUSED for one of numbers alone.

    Returns how many there are.
    """
    masked, exact = np.uint64(0), np.uint64(0)
    words, numbers = 0, 0
    leaves = np.uint64(1)
    for _ in range(length):
        leaves *= _MULTIPLIER
    for at in range(first, n):
        kind, value = classes[at], hashes[at]
        masked = masked * _MULTIPLIER + (_ANY_NUMBER if kind == NUMBER else value)
        exact = exact * _MULTIPLIER + value
        words += kind == WORD
        numbers += kind == NUMBER
        if at - first >= length:
            kind, value = classes[at - length], hashes[at - length]
            masked -= (_ANY_NUMBER if kind == NUMBER else value) * leaves
            exact -= value * leaves
            words -= kind == WORD
            numbers -= kind == NUMBER
        if at - first >= length - 1:
            found = mix(masked if words >= 2 else exact)
            out[at - first - length + 1] = UNUSED if numbers == length else found
    return max(0, n - first - length + 1)
