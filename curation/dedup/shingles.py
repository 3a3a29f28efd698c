"""Word shingles of clean text as 64-bit hashes, by one pass over Arrow buffers.

A word is a maximal run of bytes that are no Unicode white space, of the lower-cased text: digits, operators and
punctuation stay, because code and math differ by them. A shingle is `ngram` consecutive words. Hashes stand for
strings: words of up to 8 bytes are hashed without loss before the last mix, and two different shingles share a hash
with probability about 2^-64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from midmix.curation.clean import text_buffers
from midmix.jit import njit

# Bytes of text that one kernel call works on: scratch is about six times that, and it stays near the caches.
BATCH_BYTES = 8 << 20

# Byte classes of the scanner: part of a word, white space, first byte of a character that may be white space.
_WORD, _SPACE, _LEAD = 0, 1, 2


@dataclass(frozen=True)
class Shingles:
    """Shingles of some documents: `hashes[offsets[i]:offsets[i + 1]]` are the distinct ones of document i.

    offsets: int64[n + 1]; hashes: uint64, in order of first appearance, never 0; num_words: int64[n].
    """

    offsets: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.uint64]
    num_words: npt.NDArray[np.int64]


def _byte_classes() -> npt.NDArray[np.uint8]:
    classes = np.full(256, _WORD, np.uint8)
    classes[[*range(0x09, 0x0E), *range(0x1C, 0x21)]] = _SPACE
    classes[[0xC2, 0xE1, 0xE2, 0xE3]] = _LEAD
    return classes


@njit(inline="always")  # type: ignore[untyped-decorator]
def _space_length(data: npt.NDArray[np.uint8], at: int, end: int) -> int:
    """Bytes of the white-space character that starts at `at` (first byte C2, E1, E2 or E3), or 0."""
    first = data[at]
    if first == 0xC2:
        return 2 if at + 1 < end and (data[at + 1] == 0x85 or data[at + 1] == 0xA0) else 0
    if at + 2 >= end:
        return 0
    second = data[at + 1]
    third = data[at + 2]
    if first == 0xE1:
        return 3 if second == 0x9A and third == 0x80 else 0
    if first == 0xE3:
        return 3 if second == 0x80 and third == 0x80 else 0
    if second == 0x80:
        return 3 if third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF else 0
    return 3 if second == 0x81 and third == 0x9F else 0


@njit(inline="always")  # type: ignore[untyped-decorator]
def mix64(x: np.uint64) -> np.uint64:
    """A bijection of 64-bit values in which every input bit reaches every output bit (Stafford's variant 13)."""
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(inline="always")  # type: ignore[untyped-decorator]
def _distinct(out: npt.NDArray[np.uint64], start: int, end: int, seen: npt.NDArray[np.uint64]) -> int:
    """Keep the first of equal values in out[start:end], in place; the new end."""
    size = 16
    while size < 2 * (end - start):
        size *= 2
    seen[:size] = 0
    kept = start
    for i in range(start, end):
        value = out[i]
        slot = np.int64(value >> np.uint64(20)) & (size - 1)
        while seen[slot] != 0 and seen[slot] != value:
            slot = (slot + 1) & (size - 1)
        if seen[slot] == 0:
            seen[slot] = value
            out[kept] = value
            kept += 1
    return kept


@njit
def _scan(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    classes: npt.NDArray[np.uint8],
    ngram: int,
    seen: npt.NDArray[np.uint64],
    out: npt.NDArray[np.uint64],
    out_offsets: npt.NDArray[np.int64],
    num_words: npt.NDArray[np.int64],
) -> None:
    """Fill `out`, `out_offsets` and `num_words` for every document of an Arrow string buffer."""
    base = np.uint64(0xD6E8FEB86659FD93)
    leaving = np.uint64(1)
    for _ in range(ngram):
        leaving *= base
    recent = np.zeros(ngram, np.uint64)
    filled = 0
    for doc in range(offsets.size - 1):
        at, end = offsets[doc], offsets[doc + 1]
        start = filled
        words = 0
        slot = 0
        rolling = np.uint64(0)
        recent[:] = 0
        while at < end:
            if classes[data[np.uint64(at)]] == 1:
                at += 1
                continue
            word = np.uint64(0x9E3779B97F4A7C15)
            packed = np.uint64(0)
            shift = np.uint64(0)
            begin = at
            space = 0
            while at < end:
                byte = data[np.uint64(at)]  # an unsigned index spares numba's look for negative ones: a quarter faster
                kind = classes[byte]
                if kind != 0:
                    space = 1 if kind == 1 else _space_length(data, at, end)
                    if space != 0:
                        break
                packed |= np.uint64(byte) << shift
                shift += np.uint64(8)
                at += 1
                if shift == 64:
                    word = mix64(word ^ packed)
                    packed = np.uint64(0)
                    shift = np.uint64(0)
            length = at - begin
            at += space
            if length == 0:
                continue
            word = mix64((word ^ packed) + np.uint64(length))
            rolling = rolling * base + word - recent[slot] * leaving
            recent[slot] = word
            slot = slot + 1 if slot + 1 < ngram else 0
            words += 1
            if words >= ngram:
                value = mix64(rolling)
                out[filled] = value if value != 0 else np.uint64(1)
                filled += 1
        filled = _distinct(out, start, filled, seen)
        num_words[doc] = words
        out_offsets[doc + 1] = filled


def text_batches(texts: pa.LargeStringArray, batch_bytes: int = BATCH_BYTES) -> Iterator[slice]:
    """Consecutive slices of documents with at most `batch_bytes` of text each (a longer document stands alone)."""
    bounds, _ = text_buffers(texts)
    first = 0
    while first < len(texts):
        last = int(np.searchsorted(bounds, bounds[first] + batch_bytes, side="right")) - 1
        last = max(last, first + 1)
        yield slice(first, last)
        first = last


def shingle(texts: pa.LargeStringArray, ngram: int) -> Shingles:
    """Distinct shingles of `ngram` words and the word count of each text; none where a text has fewer words."""
    if len(texts) == 0:
        return Shingles(np.zeros(1, np.int64), np.zeros(0, np.uint64), np.zeros(0, np.int64))
    bounds, data = text_buffers(pc.utf8_lower(texts))
    longest = int(np.diff(bounds).max()) // 2 + 1
    seen = np.empty(max(16, 1 << (2 * longest - 1).bit_length()), np.uint64)
    out = np.empty((int(bounds[-1]) - int(bounds[0]) + len(texts)) // 2 + len(texts) + 1, np.uint64)
    offsets = np.zeros(len(texts) + 1, np.int64)
    num_words = np.zeros(len(texts), np.int64)
    _scan(data, bounds, _byte_classes(), ngram, seen, out, offsets, num_words)
    return Shingles(offsets, out[: offsets[-1]].copy(), num_words)
