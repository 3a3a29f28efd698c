"""Words for leak search, straight from UTF-8 bytes, with the place of each.

A word is a run of letters and digits, lower-cased; punctuation, operators and white space between words are dropped
and digits stay, so a leak is found through other spacing, other case, quotes and markup. Letters are ASCII letters
and every character from U+0080 on that is not punctuation, a symbol or white space of the blocks where those stand:
below U+0800 Python's character data decides, above it U+2000-206F, U+2190-22FF and U+3000-303F separate.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.clean import text_buffers
from midmix.jit import njit

_LETTER, _SEPARATOR, _LEAD2, _LEAD3 = range(4)


@functools.cache
def fold_tables() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint16]]:
    """(class of each byte; letters lower-cased by byte, else 0; letters below U+0800 lower-cased by code point, else 0)."""
    classes = np.full(256, _LETTER, np.uint8)
    letters = np.arange(256, dtype=np.uint8)
    for byte in range(0x80):
        if not chr(byte).isalnum():
            classes[byte] = _SEPARATOR
        letters[byte] = ord(chr(byte).lower())
    classes[0xC2:0xE0] = _LEAD2
    classes[[0xE2, 0xE3]] = _LEAD3
    letters[classes != _LETTER] = 0
    folded = np.zeros(0x800, np.uint16)
    for point in range(0x80, 0x800):
        small = chr(point).lower()
        if chr(point).isalnum() or 0x300 <= point < 0x370:  # combining marks belong to their letter
            folded[point] = ord(small) if len(small) == 1 and 0x80 <= ord(small) < 0x800 else point
    return classes, letters, folded


@njit(inline="always")  # type: ignore[untyped-decorator]
def separates(data: npt.NDArray[np.uint8], at: int, end: int) -> bool:
    """Whether the character of three bytes (first byte E2 or E3) that starts at `at` separates words."""
    if at + 1 >= end:
        return False
    second = data[at + 1]
    if data[at] == 0xE3:
        return bool(second == 0x80)
    return bool(second == 0x80 or (second == 0x81 and at + 2 < end and data[at + 2] < 0xB0) or 0x86 <= second <= 0x8B)


@njit(inline="always")  # type: ignore[untyped-decorator]
def mix(x: np.uint64) -> np.uint64:
    """A bijection of 64-bit values in which every input bit reaches every output bit (Stafford's variant 13)."""
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(inline="always")  # type: ignore[untyped-decorator]
def next_word(
    data: npt.NDArray[np.uint8],
    at: int,
    end: int,
    classes: npt.NDArray[np.uint8],
    letters: npt.NDArray[np.uint8],
    folded: npt.NDArray[np.uint16],
) -> tuple[np.uint64, int, int]:
    """(hash, first byte, byte after the last) of the next word from `at` on; first == last where there is none."""
    word = np.uint64(0x9E3779B97F4A7C15)
    packed = np.uint64(0)
    shift = np.uint64(0)
    begin = at
    while at < end:
        byte = data[np.uint64(at)]  # an unsigned index spares numba's look for negative ones
        letter = np.uint64(letters[byte])
        size = 1
        if letter == 0:
            kind = classes[byte]
            if kind == 2 and at + 1 < end:
                letter = np.uint64(folded[(byte & 0x1F) << 6 | data[at + 1] & 0x3F])
                size = 2
            elif kind == 3:
                apart = separates(data, at, end)
                letter = np.uint64(0 if apart else byte)
                size = 3 if apart else 1
            if letter == 0:
                if at > begin:
                    break
                at = min(at + size, end)
                begin = at
                continue
            if size == 2 and shift == 56:
                word = mix(word ^ packed)
                packed = np.uint64(0)
                shift = np.uint64(0)
        packed |= letter << shift
        shift += np.uint64(8 * size)
        at += size
        if shift == 64:
            word = mix(word ^ packed)
            packed = np.uint64(0)
            shift = np.uint64(0)
    if at == begin:
        return word, end, end
    return mix((word ^ packed) + np.uint64(at - begin)), begin, at


@njit
def _words(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    classes: npt.NDArray[np.uint8],
    letters: npt.NDArray[np.uint8],
    folded: npt.NDArray[np.uint16],
    out: npt.NDArray[np.uint64],
    out_offsets: npt.NDArray[np.int64],
) -> None:
    filled = 0
    for doc in range(offsets.size - 1):
        at, end = offsets[doc], offsets[doc + 1]
        while True:
            word, begin, at = next_word(data, at, end, classes, letters, folded)
            if begin == at:
                break
            out[filled] = word
            filled += 1
        out_offsets[doc + 1] = filled


def word_hashes(texts: pa.LargeStringArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """(offsets int64 [n + 1], hashes uint64) of the words of each text."""
    bounds, data = text_buffers(texts)
    offsets = np.zeros(len(texts) + 1, np.int64)
    out = np.empty(int(bounds[-1] - bounds[0]) // 2 + len(texts) + 1, np.uint64)
    _words(data, bounds, *fold_tables(), out, offsets)
    return offsets, out[: offsets[-1]].copy()
