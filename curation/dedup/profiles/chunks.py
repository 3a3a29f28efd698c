"""Chunks with characters beyond ASCII and their words under the profile `prose`, each made once in Python.

A chunk is a run of bytes above U+0020 of which one at least is not ASCII. What datatrove and spaCy make of it does not
depend on its neighbours: white space ends numbers, the context of small letters, marks, and words; and of spaCy's patterns
for several words none that can still occur overlaps another. What the dictionary holds only spares time.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.clean import text_buffers
from midmix.curation.dedup.hashes import xxh64
from midmix.curation.dedup.profiles.batch import Batch
from midmix.curation.dedup.profiles.simplify import simplify
from midmix.curation.dedup.vectors import BLOCK, high_bytes
from midmix.curation.score.words import words_of
from midmix.curation.score.words.memory import get8, get64, put64, trailing_zeros
from midmix.jit import njit
from midmix.tables import TEXT

# Of a slot, int64: hash, 0 where empty; place in the arena of the chunk's bytes, which its words follow, or below 0 the
# number, from -1 down, among the chunks of this batch; bytes; bytes of the words with a space behind each.
HASH, PLACE, LENGTH, WORD_BYTES = range(4)
SLOT = 4
# Of a chunk in a batch, int64: first byte, byte after the last, slot.
FIRST, LAST, WHERE = range(3)
CHUNK = 3
FIRST_SLOTS, MOST_SLOTS, MOST_ARENA = 1 << 14, 1 << 19, 32 << 20


@njit
def find_chunks(raw, offsets, documents, chunks):  # type: ignore[no-untyped-def]
    """Fill the places of the chunks of a batch in order; how many."""
    count = 0
    for document in range(documents):
        begin, end = get64(offsets, document), get64(offsets, document + 1)
        at = begin
        while at < end:
            high = high_bytes(raw + at)
            if high == 0:
                at += BLOCK
                continue
            at += trailing_zeros(high)
            if at >= end:
                break
            first = at
            while first > begin and get8(raw, first - 1) > 0x20:
                first -= 1
            while at < end and get8(raw, at) > 0x20:
                at += 1
            put64(chunks, CHUNK * count + FIRST, first)
            put64(chunks, CHUNK * count + LAST, at)
            count += 1
            begin = at
    return count


@njit
def _same(left, right, num_bytes):  # type: ignore[no-untyped-def]
    at = 0
    while at < num_bytes and get8(left, at) == get8(right, at):
        at += 1
    return at == num_bytes


@njit
def look_up(raw, chunks, count, slots, mask, arena, fresh):  # type: ignore[no-untyped-def]
    """Fill the slots of the chunks, new ones for those not there; the numbers of these go to `fresh`; how many."""
    added = 0
    for number in range(count):
        first = get64(chunks, CHUNK * number + FIRST)
        length = get64(chunks, CHUNK * number + LAST) - first
        hashed = np.int64(xxh64(raw + first, length, 0) | np.uint64(1))
        at = (hashed >> 1) & mask
        while True:
            slot = slots + 8 * SLOT * at
            held = get64(slot, HASH)
            if held == 0:
                put64(slot, HASH, hashed)
                put64(slot, PLACE, -1 - number)
                put64(slot, LENGTH, length)
                put64(fresh, added, number)
                added += 1
                break
            if held == hashed and get64(slot, LENGTH) == length:
                place = get64(slot, PLACE)
                known = arena + place if place >= 0 else raw + get64(chunks, CHUNK * (-1 - place) + FIRST)
                if _same(known, raw + first, length):
                    break
            at = (at + 1) & mask
        put64(chunks, CHUNK * number + WHERE, at)
    return added


def words_of_chunks(chunks: list[bytes]) -> list[bytes]:
    """The words of each chunk, with a space behind each word."""
    texts = pa.array(simplify([chunk.decode() for chunk in chunks]), TEXT)
    words = words_of(texts)
    _, data = text_buffers(texts)
    whole = data.tobytes()
    sizes = words.num_bytes.tolist()
    made = [whole[start : start + size] + b" " for start, size in zip(words.starts.tolist(), sizes, strict=True)]
    return [b"".join(made[first:last]) for first, last in pairwise(words.first.tolist())]


class Chunks:
    """The dictionary; for one thread at a time."""

    def __init__(self, first_slots: int = FIRST_SLOTS, most_arena: int = MOST_ARENA) -> None:
        self._most_arena = most_arena
        self._forget(first_slots)

    def _forget(self, slots: int) -> None:
        self.slots: npt.NDArray[np.int64] = np.zeros((slots, SLOT), np.int64)
        self.arena: npt.NDArray[np.uint8] = np.zeros(1 << 16, np.uint8)
        self._used = self._entries = 0

    def find(self, batch: Batch) -> tuple[npt.NDArray[np.int64], int]:
        """The chunks of a batch, int64 [count, 3], and the bytes that their words take; valid until the next call."""
        scratch = batch.scratch
        room = scratch.array("chunks", CHUNK * (batch.num_bytes // 2 + 1), np.int64)
        count = find_chunks(batch.raw, batch.offsets, batch.documents, room.ctypes.data)
        chunks = room[: CHUNK * count].reshape(count, CHUNK)
        if count == 0:
            return chunks, 0
        crowded = 2 * (self._entries + count) > len(self.slots)
        if crowded or self._used > self._most_arena:
            slots = len(self.slots)
            grown = min(4 * slots, max(MOST_SLOTS, slots)) if crowded else slots
            self._forget(max(grown, 1 << (2 * count).bit_length()))
        fresh = scratch.array("fresh", count, np.int64)
        places = (self.slots.ctypes.data, len(self.slots) - 1, self.arena.ctypes.data, fresh.ctypes.data)
        added = look_up(batch.raw, room.ctypes.data, count, *places)
        if added:
            self._learn(scratch.array("raw", 0, np.uint8), chunks[fresh[:added]])
        return chunks, int(self.slots[chunks[:, WHERE], WORD_BYTES].sum())

    def _learn(self, raw: npt.NDArray[np.uint8], fresh: npt.NDArray[np.int64]) -> None:
        keys = [raw[first:last].tobytes() for first, last in fresh[:, :WHERE].tolist()]
        words = words_of_chunks(keys)
        data = b"".join(part for pair in zip(keys, words, strict=True) for part in pair)
        used = self._used + len(data)
        if used + BLOCK > len(self.arena):
            self.arena = np.concatenate([self.arena[: self._used], np.zeros(2 * used + BLOCK - self._used, np.uint8)])
        self.arena[self._used : used] = np.frombuffer(data, np.uint8)
        lengths = np.array([[len(key), len(word)] for key, word in zip(keys, words, strict=True)])
        ends = self._used + np.cumsum(lengths.sum(axis=1))
        self.slots[fresh[:, WHERE], PLACE] = ends - lengths.sum(axis=1)
        self.slots[fresh[:, WHERE], WORD_BYTES] = lengths[:, 1]
        self._used = used
        self._entries += len(keys)
