"""The chunks seen so far with their words, kept by a process to spare it the rules; results never depend on it.

A slot has eight int64 on one cache line: two of the key, hash and shape of the first word, of the second word, `info`,
and the place of the rest in the arena. A chunk of up to 15 bytes is its own key (bytes, length on top); a longer one
has a hash there and its bytes in the arena, where they are compared. The arena holds those bytes, then two int64 for
every word after the second.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from midmix.curation.score.words.memory import get8, get64, put64, shift_right, wrapping_add, wrapping_multiply
from midmix.jit import njit

SLOT = 8  # int64
KEY_LOW, KEY_HIGH, FIRST_HASH, FIRST_SHAPE, SECOND_HASH, SECOND_SHAPE, INFO, REST = range(SLOT)
INLINE_WORDS = 2
SHORT_BYTES = 15
LONG_BYTES = 512  # longer chunks are not kept
LONG_MARK = 0x7F << 56
# info: words | symbol of the first raw token << 16 | of the last one << 32 | 1 << 48 where a match changed something
FIRST_SYMBOL, LAST_SYMBOL, CHANGED = 16, 32, 48

SLOTS_BASE, SLOT_MASK, ARENA_BASE, ARENA_SIZE, ARENA_USED, ENTRIES, MAX_ENTRIES, FULL = range(8)

MIX_1 = 0x9E3779B97F4A7C15 - (1 << 64)
MIX_2 = 0xD6E8FEB86659FD93 - (1 << 64)
FIRST_SLOTS = 1 << 14
QUICK_GROWTH, SLOW_GROWTH = 4, 2  # up to and beyond SLOW_SLOTS
SLOW_SLOTS = 1 << 20
DEFAULT_BYTES = 200 << 20


@njit(inline="always")
def spread(low, high):  # type: ignore[no-untyped-def]
    """Where the search for a key begins, before the mask."""
    mixed = wrapping_add(wrapping_multiply(low ^ shift_right(low, 32), MIX_1), wrapping_multiply(high, MIX_2))
    mixed = wrapping_multiply(mixed ^ shift_right(mixed, 29), MIX_1)
    return shift_right(mixed, 24)


@njit
def hash_long(data, num_bytes):  # type: ignore[no-untyped-def]
    """A hash of num_bytes >= 8 bytes at an address, eight at a time."""
    value = wrapping_multiply(num_bytes, MIX_2)
    at = 0
    while at + 8 <= num_bytes:
        value = wrapping_multiply(value ^ get64(data + at, 0), MIX_1)
        value ^= shift_right(value, 32)
        at += 8
    return wrapping_multiply(value ^ get64(data + num_bytes - 8, 0), MIX_2)


@njit
def same_bytes(left, right, num_bytes):  # type: ignore[no-untyped-def]
    """Whether num_bytes >= 8 bytes at two addresses are equal."""
    at = 0
    while at + 8 <= num_bytes:
        if get64(left + at, 0) != get64(right + at, 0):
            return False
        at += 8
    return get64(left + num_bytes - 8, 0) == get64(right + num_bytes - 8, 0)


@njit
def insert(state, slot, low, high, data, num_bytes, info, rows):  # type: ignore[no-untyped-def]
    """Put a chunk with the words in `rows` (four int64 each) into an empty slot; mark FULL where the arena is."""
    words = info & 0xFFFF
    key_words = (num_bytes + 7) >> 3 if num_bytes > SHORT_BYTES else 0
    used = get64(state, ARENA_USED)
    if used + key_words + 2 * max(words - INLINE_WORDS, 0) > get64(state, ARENA_SIZE):
        put64(state, FULL, 1)
        return
    rest = get64(state, ARENA_BASE) + 8 * used
    put64(slot, REST, used)
    if key_words:
        for index in range(key_words - 1):
            put64(rest, index, get64(data, index))
        last = 0
        for at in range(num_bytes - 1, 8 * (key_words - 1) - 1, -1):
            last = last << 8 | get8(data, at)
        put64(rest, key_words - 1, last)
        rest += 8 * key_words
    for index in range(words):
        row = rows + 32 * index
        size = get64(row, 1)
        shape = (size & 0xFFFF) | (size >> 32) << 16 | (get64(row, 2) & 0xFF) << 32
        to = slot + 8 * FIRST_HASH + 16 * index if index < INLINE_WORDS else rest + 16 * (index - INLINE_WORDS)
        put64(to, 0, get64(row, 0))
        put64(to, 1, shape)
    put64(slot, KEY_LOW, low)
    put64(slot, KEY_HIGH, high)
    put64(slot, INFO, info)
    put64(state, ARENA_USED, used + key_words + 2 * max(words - INLINE_WORDS, 0))
    put64(state, ENTRIES, get64(state, ENTRIES) + 1)


@njit
def move_slots(old, num_old, new, mask):  # type: ignore[no-untyped-def]
    """Put every slot of a table into an empty larger one."""
    for index in range(num_old):
        slot = old + index * (8 * SLOT)
        high = get64(slot, KEY_HIGH)
        if high == 0:
            continue
        place = spread(get64(slot, KEY_LOW), high) & mask
        while get64(new + place * (8 * SLOT), KEY_HIGH):
            place = (place + 1) & mask
        for field in range(SLOT):
            put64(new + place * (8 * SLOT), field, get64(slot, field))


class Dictionary:
    """Chunks with their words within `max_bytes`; when that is full all are forgotten. For one thread at a time."""

    def __init__(self, max_bytes: int = DEFAULT_BYTES, first_slots: int = FIRST_SLOTS) -> None:
        self.state = np.zeros(8, np.int64)
        self._max_bytes = max_bytes
        self._set_arena(first_slots)
        self._set_slots(first_slots)

    @property
    def num_bytes(self) -> int:
        """Bytes of memory held."""
        return self._slots.nbytes + self._arena.nbytes

    def make_room(self) -> None:
        """Grow, or forget everything where that would take more than the memory allowed."""
        slots, arena = self._slots, self._arena
        more_slots = bool(2 * self.state[ENTRIES] >= self.state[MAX_ENTRIES])
        num_slots = len(slots) // SLOT
        if more_slots:
            num_slots *= QUICK_GROWTH if num_slots < SLOW_SLOTS else SLOW_GROWTH
        num_arena = len(arena) * (2 if self.state[FULL] else 1)
        if 8 * (num_slots * SLOT + num_arena) > self._max_bytes:
            slots[:] = 0
            self.state[[ARENA_USED, ENTRIES, FULL]] = 0
            return
        if num_arena > len(arena):
            self._set_arena(num_arena)
            self._arena[: len(arena)] = arena
        if more_slots:
            self._set_slots(num_slots)
            move_slots(slots.ctypes.data, len(slots) // SLOT, self._slots.ctypes.data, num_slots - 1)
        self.state[FULL] = 0

    def _set_slots(self, number: int) -> None:
        memory = np.zeros((number + 1) * SLOT, np.int64)
        skip = -memory.ctypes.data % 64 // 8
        self._slots: npt.NDArray[np.int64] = memory[skip : skip + number * SLOT]
        self.state[SLOTS_BASE] = self._slots.ctypes.data
        self.state[SLOT_MASK] = number - 1
        self.state[MAX_ENTRIES] = number * 5 // 8

    def _set_arena(self, size: int) -> None:
        self._arena: npt.NDArray[np.int64] = np.empty(size, np.int64)
        self.state[ARENA_BASE] = self._arena.ctypes.data
        self.state[ARENA_SIZE] = size
