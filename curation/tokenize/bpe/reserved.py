"""Texts that the kernels leave to the tokenizer itself: those with an added token, and those that NFC would change."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.clean import text_buffers
from midmix.curation.score.words.memory import (
    get8,
    get64,
    put8,
    trailing_zeros,
    wrapping_add,
    wrapping_multiply,
    wrapping_subtract,
)
from midmix.curation.tokenize.bpe.normal import DOUBTFUL, FIRST_LEAD, NORMAL, UNKNOWN, doubts, is_normal
from midmix.jit import njit

HIGH_BITS = 0x8080808080808080 - (1 << 64)
LOW_BITS = 0x7F7F7F7F7F7F7F7F
EACH_BYTE = 0x0101010101010101
# Added to seven bits, carries into the eighth from FIRST_LEAD on.
FROM_LEAD = (0x100 - FIRST_LEAD) * EACH_BYTE


@njit
def byte_place(at, end, byte):  # type: ignore[no-untyped-def]
    """Where a byte is next, or `end`; eight at a time, and up to 7 bytes beyond `end` are read."""
    wanted = wrapping_multiply(byte, EACH_BYTE)
    while at < end:
        other = get64(at, 0) ^ wanted
        # A borrow may mark a byte above the lowest that is marked, never below it.
        found = wrapping_subtract(other, EACH_BYTE) & ~other & HIGH_BITS
        if found:
            return min(at + (trailing_zeros(found) >> 3), end)
        at += 8
    return end


@njit
def begins(at, end, texts, starts, first, last):  # type: ignore[no-untyped-def]
    """Whether one of the texts numbered [first, last) stands at an address."""
    for number in range(first, last):
        text, size = texts + get64(starts, number), get64(starts, number + 1) - get64(starts, number)
        same = 0
        if at + size <= end:
            while same < size and get8(at, same) == get8(text, same):
                same += 1
            if same == size:
                return True
    return False


@njit
def mark_texts(data, offsets, documents, texts, starts, count, marks):  # type: ignore[no-untyped-def]
    """Mark the documents that hold one of `count` texts, which are sorted, so that equal first bytes are together."""
    first = 0
    while first < count:
        byte = get8(texts, get64(starts, first))
        last = first + 1
        while last < count and get8(texts, get64(starts, last)) == byte:
            last += 1
        for document in range(documents):
            at, end = data + get64(offsets, document), data + get64(offsets, document + 1)
            while get8(marks, document) == 0:
                at = byte_place(at, end, byte)
                if at >= end:
                    break
                if begins(at, end, texts, starts, first, last):
                    put8(marks, document, 1)
                at += 1
        first = last


@njit
def mark_doubts(data, offsets, documents, table, marks):  # type: ignore[no-untyped-def]
    """Mark every document with the most doubtful of its code points."""
    for document in range(documents):
        at, end = data + get64(offsets, document), data + get64(offsets, document + 1)
        most = 0
        while at < end:
            eight = get64(at, 0)
            found = eight & wrapping_add(eight & LOW_BITS, FROM_LEAD) & HIGH_BITS
            if found == 0:
                at += 8
                continue
            at += trailing_zeros(found) >> 3
            if at >= end:
                break
            first, second = get8(at, 0), get8(at, 1) & 0x3F
            if first < 0xE0:
                code = (first & 0x1F) << 6 | second
                at += 2
            elif first < 0xF0:
                code = (first & 0x0F) << 12 | second << 6 | (get8(at, 2) & 0x3F)
                at += 3
            else:
                code = (first & 0x07) << 18 | second << 12 | (get8(at, 2) & 0x3F) << 6 | (get8(at, 3) & 0x3F)
                at += 4
            most = max(most, get8(table, code))
        put8(marks, document, most)


class Reserved:
    """What of a tokenizer makes texts not for the kernels: added tokens that are not special, and NFC.

    Special ones are text like any other: the product asks for that (encode_special_tokens).
    """

    def __init__(self, added_tokens: Sequence[Mapping[str, Any]], *, is_nfc: bool) -> None:
        contents = {token["content"] for token in added_tokens if not token["special"]} - {""}
        if is_nfc:
            contents |= {unicodedata.normalize("NFC", content) for content in contents}
        texts = sorted(content.encode() for content in contents)
        self._count = len(texts)
        self._texts = np.frombuffer(b"".join(texts) or b"\0", np.uint8)
        self._starts = np.cumsum([0, *map(len, texts)], dtype=np.int64)
        self._doubts = doubts() if is_nfc else None

    def find(self, texts: pa.LargeStringArray) -> npt.NDArray[np.bool_]:
        """Which of the texts, of whose buffer 16 more bytes can be read: bool[n]."""
        offsets, data = text_buffers(texts)
        marks = np.zeros(len(texts), np.uint8)
        where = (data.ctypes.data, offsets.ctypes.data, len(texts))
        if self._doubts is not None:
            mark_doubts(*where, self._doubts.ctypes.data, marks.ctypes.data)
            for index in np.flatnonzero(marks == DOUBTFUL).tolist():
                marks[index] = NORMAL if is_normal(texts[index].as_py()) else UNKNOWN
        if self._count:
            mark_texts(*where, self._texts.ctypes.data, self._starts.ctypes.data, self._count, marks.ctypes.data)
        return np.asarray(marks != NORMAL)
