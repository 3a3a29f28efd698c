"""What the profiles without a vocabulary share: the text laid out with one kind of white space, and bits to places."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from midmix.curation.dedup.profiles.batch import Batch
from midmix.curation.dedup.profiles.characters import lay_out_character
from midmix.curation.dedup.vectors import BLOCK, MAPPED, dots, kept, lowered
from midmix.curation.score.words.memory import get8, get64, put8, put32, put64, shift_right, trailing_zeros
from midmix.jit import njit

ZERO, NINE = 0x30, 0x39


@njit
def lay_out(raw, offsets, documents, text, bounds, characters, lower):  # type: ignore[no-untyped-def]
    """Write the documents one after another, a space before the first and behind each; `bounds` is where each begins."""
    put8(text, 0, 0x20)
    to = text + 1
    for document in range(documents):
        put64(bounds, document, to - text)
        at, end = raw + get64(offsets, document), raw + get64(offsets, document + 1)
        while at < end:
            high = lowered(at, to) if lower else kept(at, to)
            plain = min(trailing_zeros(high) if high else MAPPED, end - at)
            at += plain
            to += plain
            while at < end and get8(at, 0) >= 0x80:
                at, to = lay_out_character(at, to, characters)
        put8(to, 0, 0x20)
        to += 1
    put64(bounds, documents, to - text)


def lay_out_batch(batch: Batch, characters: npt.NDArray[np.uint32], *, lower: bool) -> int:
    """Fill `batch.text` and make room for its tokens; the address of the bounds."""
    size = 2 * batch.num_bytes + batch.documents + 1
    batch.room(size, size)
    bounds: int = batch.scratch.array("bounds", batch.documents + 1, np.int64).ctypes.data
    lay_out(batch.raw, batch.offsets, batch.documents, batch.text, bounds, characters.ctypes.data, lower)
    return bounds


@njit(inline="always")
def put_places(bits, base, places, count):  # type: ignore[no-untyped-def]
    """Append base + i to uint32 places for every bit i; the new count."""
    while bits:
        put32(places, count, base + trailing_zeros(bits))
        bits &= bits - 1
        count += 1
    return count


@njit(inline="always")
def inner_dots(text, at, digit, digit_before):  # type: ignore[no-untyped-def]
    """Mask of the dots between two digits in the block at `at`; `digit` is its mask of digits."""
    after = get8(text, at + BLOCK)
    following = shift_right(digit, 1) | (after >= ZERO and after <= NINE) << (BLOCK - 1)
    return dots(text + at) & (digit << 1 | digit_before) & following
