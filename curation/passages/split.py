"""Lines and paragraphs of texts with their hashes, by one pass over Arrow buffers.

A line ends at a line feed; a paragraph is a run of lines that are not blank. Passages are compared without the white
space around them, and otherwise byte for byte; what would be cut is whole lines, with the blank ones behind a paragraph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.clean import text_buffers
from midmix.curation.dedup.hashes import mix64
from midmix.jit import njit

Unit = Literal["line", "paragraph"]
_LINE_FEED = 10


@dataclass(frozen=True)
class Passages:
    """Passages in the order of documents and places.

    hashes, checks: int64 [n], two independent hashes of each; documents: int64 [n], ordinal of the text; starts, ends:
    int64 [n], bytes of its lines in that text.
    """

    hashes: npt.NDArray[np.int64]
    checks: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]


@njit(inline="always")  # type: ignore[untyped-decorator]
def _is_blank(byte: np.uint8) -> bool:
    return bool(byte == 32 or 9 <= byte <= 13)


@njit(inline="always")  # type: ignore[untyped-decorator]
def _hash_bytes(data: npt.NDArray[np.uint8], at: int, end: int) -> tuple[np.uint64, np.uint64]:
    """Two hashes of data[at:end], eight bytes at a time."""
    one, two = np.uint64(end - at), np.uint64(0x9E3779B97F4A7C15)
    while at < end:
        packed = np.uint64(0)
        stop = min(at + 8, end)
        shift = np.uint64(0)
        while at < stop:
            packed |= np.uint64(data[np.uint64(at)]) << shift
            shift += np.uint64(8)
            at += 1
        one = mix64(one ^ packed)
        two = mix64(two + packed * np.uint64(0xD6E8FEB86659FD93))
    return one, two


@njit
def _split(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    by_paragraph: bool,
    min_bytes: int,
    hashes: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
) -> int:
    """Fill hashes [n, 2] and places [n, 3] (document, start, end); the number of passages."""
    count = 0
    for doc in range(offsets.size - 1):
        base, at, limit = offsets[doc], offsets[doc], offsets[doc + 1]
        opened = text_from = text_to = line_end = np.int64(-1)  # of the passage that is open
        after_blank = False
        while True:
            line = at
            first = last = np.int64(-1)
            while at < limit and data[np.uint64(at)] != _LINE_FEED:
                if not _is_blank(data[np.uint64(at)]):
                    first = at if first < 0 else first
                    last = at + 1
                at += 1
            at = min(at + 1, limit)
            ended = line == limit
            if opened >= 0 and (ended or (first >= 0 and (after_blank or not by_paragraph))):
                if text_to - text_from >= min_bytes:
                    one, two = _hash_bytes(data, text_from, text_to)
                    hashes[count, 0], hashes[count, 1] = np.int64(one), np.int64(two)
                    places[count, 0], places[count, 1] = doc, opened - base
                    places[count, 2] = (line if by_paragraph else line_end) - base
                    count += 1
                opened = np.int64(-1)
            if ended:
                break
            after_blank = bool(first < 0)
            if first >= 0:
                if opened < 0:
                    opened, text_from = line, first
                text_to, line_end = last, at
    return count


def split_passages(texts: pa.LargeStringArray, unit: Unit, min_bytes: int) -> Passages:
    """The lines or paragraphs of each text that have `min_bytes` bytes and more without the white space around them."""
    bounds, data = text_buffers(texts)
    most = int(bounds[-1] - bounds[0]) // max(1, min_bytes) + 1
    hashes, places = np.empty((most, 2), np.int64), np.empty((most, 3), np.int64)
    count = _split(data, bounds, unit == "paragraph", max(1, min_bytes), hashes, places)
    (one, two), (documents, starts, ends) = hashes[:count].T.copy(), places[:count].T.copy()
    return Passages(one, two, documents, starts, ends)
