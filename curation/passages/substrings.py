"""Exact substrings that several documents share, out of core, with the result that a suffix array gives.

A window is as many whole characters from some character on as make `min_bytes` bytes or more. Its anchor is the
place of the least hash among the GRAM-byte strings of its first `min_bytes` bytes: equal windows have equal anchors
(winnowing: Schleimer, Wilkerson and Aiken 2003), and neighbouring windows mostly share theirs. So anchors, about two in
`min_bytes` places, are compared first; only windows over an anchor that another document has are hashed and compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.clean import text_buffers
from midmix.curation.dedup.hashes import mix64
from midmix.curation.passages.split import Passages
from midmix.jit import njit

# Bytes that an anchor stands for; shorter ones are shared by chance more often, which costs time alone.
GRAM = 16
# Windows of one batch.
_ROOM = 1 << 20
_BASE = np.uint64(0xD6E8FEB86659FD93)
# Primes below 2^31 and bases: two windows share both values with probability about 2^-62.
_PRIMES = (np.uint64(2147483647), np.uint64(2147483629))
_BASES = (np.uint64(1103515245), np.uint64(1664525))


@dataclass(frozen=True)
class Anchors:
    """Anchors in the order of documents and places: hashes int64 [n], documents int64 [n], starts int64 [n] in bytes."""

    hashes: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]


@njit(inline="always")  # type: ignore[untyped-decorator]
def _opens_character(byte: np.uint8) -> bool:
    return bool((byte & 0xC0) != 0x80)


@njit
def _gram_hashes(data: npt.NDArray[np.uint8], first: int, last: int, gram: int, out: npt.NDArray[np.uint64]) -> int:
    """out[i]: hash of the gram bytes from first + i on; the number of them."""
    leaving = np.uint64(1)
    for _ in range(gram):
        leaving *= _BASE
    rolling = np.uint64(0)
    count = 0
    for at in range(first, last):
        rolling = rolling * _BASE + np.uint64(data[np.uint64(at)]) + np.uint64(1)
        if at - first >= gram:
            rolling -= (np.uint64(data[np.uint64(at - gram)]) + np.uint64(1)) * leaving
        if at - first + 1 >= gram:
            out[count] = mix64(rolling)
            count += 1
    return count


@njit
def _window_anchors(grams: npt.NDArray[np.uint64], count: int, span: int, out: npt.NDArray[np.int64]) -> None:
    """out[i]: place of the least of grams[i:i + span], the first among equals; a queue of falling candidates."""
    room = 1
    while room <= span:
        room *= 2
    queue, values = np.empty(room, np.int64), np.empty(room, np.uint64)
    mask = np.uint64(room - 1)
    head = tail = np.uint64(0)
    one = np.uint64(1)
    for at in range(count):
        value = grams[np.uint64(at)]
        while tail > head and values[(tail - one) & mask] > value:
            tail -= one
        queue[tail & mask], values[tail & mask] = at, value
        tail += one
        if queue[head & mask] <= at - span:
            head += one
        if at >= span - 1:
            out[np.uint64(at - span + 1)] = queue[head & mask]


@njit
def _anchors_of(
    data: npt.NDArray[np.uint8], first: int, last: int, min_bytes: int, gram: int,
    grams: npt.NDArray[np.uint64], anchors: npt.NDArray[np.int64],
) -> int:  # fmt: skip
    """anchors[i]: anchor of the min_bytes bytes from first + i on, relative to `first`; the number of them."""
    count = _gram_hashes(data, first, last, gram, grams)
    _window_anchors(grams, count, min_bytes - gram + 1, anchors)
    return max(0, last - first - min_bytes + 1)


@njit
def _find_anchors(
    data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], min_bytes: int, gram: int,
    grams: npt.NDArray[np.uint64], anchors: npt.NDArray[np.int64],
    hashes: npt.NDArray[np.int64], places: npt.NDArray[np.int64],
) -> int:  # fmt: skip
    """Fill hashes and places [n, 2] (document, start) with the distinct anchors of each document; their number."""
    filled = 0
    for doc in range(offsets.size - 1):
        base = offsets[doc]
        before = np.int64(-1)
        for i in range(_anchors_of(data, base, offsets[doc + 1], min_bytes, gram, grams, anchors)):
            if anchors[i] != before and _opens_character(data[base + i]):
                before = anchors[i]
                hashes[filled] = np.int64(grams[before])
                places[filled, 0], places[filled, 1] = doc, before
                filled += 1
    return filled


@njit
def _powers(exponent: int, out: npt.NDArray[np.uint64]) -> None:
    """out[j]: the three bases to the power of exponent + j, modulo two primes and 2^64."""
    out[0, :] = 1
    for j in range(exponent + out.shape[0] - 1):
        to = max(0, j + 1 - exponent)
        by = to - 1 if j >= exponent else 0
        out[to, 0] = out[by, 0] * _BASES[0] % _PRIMES[0]
        out[to, 1] = out[by, 1] * _BASES[1] % _PRIMES[1]
        out[to, 2] = out[by, 2] * _BASE


@njit(inline="always")  # type: ignore[untyped-decorator]
def _add(rolling: npt.NDArray[np.uint64], value: np.uint64) -> None:
    rolling[0] = (rolling[0] * _BASES[0] + value) % _PRIMES[0]
    rolling[1] = (rolling[1] * _BASES[1] + value) % _PRIMES[1]
    rolling[2] = rolling[2] * _BASE + value


@njit(inline="always")  # type: ignore[untyped-decorator]
def _drop(rolling: npt.NDArray[np.uint64], value: np.uint64, powers: npt.NDArray[np.uint64]) -> None:
    rolling[0] = (rolling[0] + _PRIMES[0] - value * powers[0] % _PRIMES[0]) % _PRIMES[0]
    rolling[1] = (rolling[1] + _PRIMES[1] - value * powers[1] % _PRIMES[1]) % _PRIMES[1]
    rolling[2] -= value * powers[2]


@njit
def _find_windows(
    data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], min_bytes: int, gram: int,
    shared: npt.NDArray[np.int64], first_doc: int,
    grams: npt.NDArray[np.uint64], anchors: npt.NDArray[np.int64],
    hashes: npt.NDArray[np.int64], places: npt.NDArray[np.int64],
) -> tuple[int, int]:  # fmt: skip
    """Fill hashes [n, 2] and places [n, 3] (document, start, end) from `first_doc` on.

    Gives the first document that is not done, and the windows. shared [m, 2]: (document, start) of the anchors that
    other documents have, sorted.
    """
    powers = np.empty((5, 3), np.uint64)  # a window is min_bytes to min_bytes + 3 bytes long
    _powers(min_bytes - 1, powers)
    rolling = np.empty(3, np.uint64)
    filled = 0
    at = np.searchsorted(shared[:, 0], first_doc)
    for doc in range(first_doc, offsets.size - 1):
        base, limit = offsets[doc], offsets[doc + 1]
        if at == shared.shape[0] or shared[at, 0] != doc:
            continue
        if filled + limit - base > hashes.shape[0]:
            return doc, filled
        count = _anchors_of(data, base, limit, min_bytes, gram, grams, anchors)
        rolling[:] = 0
        end = 0
        for i in range(count):
            if i:
                _drop(rolling, np.uint64(data[base + i - 1]) + np.uint64(1), powers[end - i + 1 - min_bytes])
            while end < i + min_bytes or (base + end < limit and not _opens_character(data[base + end])):
                _add(rolling, np.uint64(data[base + end]) + np.uint64(1))
                end += 1
            while at < shared.shape[0] and shared[at, 0] == doc and shared[at, 1] < anchors[i]:
                at += 1
            if at == shared.shape[0] or shared[at, 0] != doc:
                break
            if shared[at, 1] == anchors[i] and _opens_character(data[base + i]):
                hashes[filled, 0] = np.int64(mix64(rolling[0] << np.uint64(32) | rolling[1]))
                hashes[filled, 1] = np.int64(mix64(rolling[2]))
                places[filled, 0], places[filled, 1], places[filled, 2] = doc, i, end
                filled += 1
        while at < shared.shape[0] and shared[at, 0] == doc:
            at += 1
    return offsets.size - 1, filled


def find_anchors(texts: pa.LargeStringArray, min_bytes: int) -> Anchors:
    """Anchors of the windows of each text; none where a text has fewer than `min_bytes` bytes."""
    bounds, data = text_buffers(texts)
    grams, anchors = _scratch(bounds)
    size = int(bounds[-1] - bounds[0])
    hashes, places = np.empty(size, np.int64), np.empty((size, 2), np.int64)
    count = _find_anchors(data, bounds, min_bytes, min(GRAM, min_bytes), grams, anchors, hashes, places)
    documents, starts = places[:count].T.copy()
    return Anchors(hashes[:count].copy(), documents, starts)


def find_windows(texts: pa.LargeStringArray, min_bytes: int, shared: npt.NDArray[np.int64]) -> Iterator[Passages]:
    """Windows over shared anchors, in batches; shared: int64 [m, 2], (text, start) of anchors, sorted."""
    bounds, data = text_buffers(texts)
    grams, anchors = _scratch(bounds)
    room = max(len(grams), _ROOM)
    hashes, places = np.empty((room, 2), np.int64), np.empty((room, 3), np.int64)
    doc = 0
    while doc < len(texts):
        gram = min(GRAM, min_bytes)
        doc, count = _find_windows(data, bounds, min_bytes, gram, shared, doc, grams, anchors, hashes, places)
        (one, two), (documents, starts, ends) = hashes[:count].T.copy(), places[:count].T.copy()
        yield Passages(one, two, documents, starts, ends)


def _scratch(bounds: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    longest = int(np.diff(bounds).max(initial=0)) + 1
    return np.empty(longest, np.uint64), np.empty(longest, np.int64)
