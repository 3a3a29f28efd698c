"""Fixed ASCII phrases, looked for at given characters."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from midmix.jit import njit


@functools.cache
def pack_phrases(phrases: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Phrases as rows of bytes, padded with zeros; uint8 [phrases, longest + 1]."""
    width = max(map(len, phrases)) + 1
    data = b"".join(phrase.encode("ascii").ljust(width, b"\0") for phrase in phrases)
    return np.frombuffer(data, np.uint8).reshape(len(phrases), width)


@njit
def phrase_at(codes, at, end, phrases, fold):  # type: ignore[no-untyped-def]
    """Length of the first phrase that the characters from `at` start with, or 0; `fold` ignores the case of ASCII."""
    for number in range(len(phrases)):
        length = 0
        while phrases[number, length] != 0 and at + length < end:
            code = codes[at + length]
            if fold and 65 <= code <= 90:
                code += 32
            if code != phrases[number, length]:
                break
            length += 1
        if phrases[number, length] == 0:
            return length
    return 0
