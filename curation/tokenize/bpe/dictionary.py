"""The chunks seen so far with their ids, kept by a process to spare it the merges; results never depend on it.

A slot has four int64, two slots to a cache line: the key (two), `first` and `info`. A chunk of up to 15 bytes is its
own key (bytes, length on top); a longer one has a hash there and its bytes in the arena, where they are compared.
`info` is the number of ids; up to four ids of a short chunk stand in the slot, all others in the arena.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from midmix.curation.score.words.dictionary import hash_long, spread
from midmix.curation.score.words.memory import get8, get64, put8, put32, put64, shift_right
from midmix.jit import njit

SLOT = 4  # int64
LOW, HIGH, FIRST, INFO = range(SLOT)
SLOT_BYTES = 8 * SLOT
SHORT_BYTES = 15
LONG_BYTES = 512  # longer chunks are not kept
LONG_MARK = 0x7F << 56
INLINE = 4  # ids; the last two have INLINE_BITS
INLINE_BITS = 24
COUNT_BITS = 16  # of info: the number of ids; above it two ids, or where in the arena

SLOTS_BASE, SLOT_MASK, ARENA_BASE, ARENA_SIZE, ARENA_USED, ENTRIES, MAX_ENTRIES, FULL = range(8)
# Values of FULL
OPEN, WANTS_ROOM, CLOSED = range(3)

FIRST_SLOTS = 1 << 16
GROWTH = 4
DEFAULT_BYTES = 200 << 20
# Bytes of the arena per slot: of 400,000 chunks in 60 MB of text one in four needs it.
_ARENA_PER_SLOT = 8


@njit(inline="always")
def put_key(key, data, num_bytes):  # type: ignore[no-untyped-def]
    """Write the two words of a chunk's key, 1 to LONG_BYTES bytes, to an address."""
    if num_bytes > SHORT_BYTES:
        put64(key, LOW, hash_long(data, num_bytes))
        put64(key, HIGH, LONG_MARK | num_bytes)
    else:
        # Shifts stay below 64 bits: no branch on the length, which nothing predicts.
        low = shift_right(-1, 64 - 8 * min(num_bytes, 8))
        high = shift_right((1 << 56) - 1, 56 - 8 * max(num_bytes - 8, 0))
        put64(key, LOW, get64(data, 0) & low)
        put64(key, HIGH, (get64(data, 1) & high) | num_bytes << 56)


@njit
def insert(state, slot, key, data, num_bytes, ids, count):  # type: ignore[no-untyped-def]
    """Put a chunk with its ids (int64) into an empty slot; mark FULL where there is no room for more."""
    if get64(state, FULL) != OPEN:
        return
    is_long = num_bytes > SHORT_BYTES
    inline = count <= INLINE and not is_long
    used = get64(state, ARENA_USED)
    size = 0 if inline else 4 * count + (num_bytes if is_long else 0)
    if get64(state, ENTRIES) >= get64(state, MAX_ENTRIES) or used + size > get64(state, ARENA_SIZE):
        put64(state, FULL, WANTS_ROOM)
        return
    if inline:
        for index in range(count, INLINE):
            put64(ids, index, 0)
        put64(slot, FIRST, get64(ids, 0) | get64(ids, 1) << 32)
        last = get64(ids, 2) | get64(ids, 3) << INLINE_BITS
        put64(slot, INFO, count | last << COUNT_BITS)
    else:
        arena = get64(state, ARENA_BASE) + used
        for index in range(count):
            put32(arena, index, get64(ids, index))
        for index in range(num_bytes if is_long else 0):
            put8(arena + 4 * count, index, get8(data, index))
        put64(slot, INFO, count | used << COUNT_BITS)
    put64(slot, LOW, get64(key, LOW))
    put64(slot, HIGH, get64(key, HIGH))
    put64(state, ARENA_USED, used + size)
    put64(state, ENTRIES, get64(state, ENTRIES) + 1)


@njit
def find_empty(slots, mask, low, high):  # type: ignore[no-untyped-def]
    """Address of the first empty slot for a key."""
    place = spread(low, high) & mask
    while get64(slots + place * SLOT_BYTES, HIGH):
        place = (place + 1) & mask
    return slots + place * SLOT_BYTES


@njit
def move_slots(old, num_old, new, mask):  # type: ignore[no-untyped-def]
    """Put every slot of a table into an empty larger one."""
    for index in range(num_old):
        slot = old + index * SLOT_BYTES
        if get64(slot, HIGH):
            to = find_empty(new, mask, get64(slot, LOW), get64(slot, HIGH))
            for field in range(SLOT):
                put64(to, field, get64(slot, field))


@njit
def insert_known(state, key, data, num_bytes, ids, count):  # type: ignore[no-untyped-def]
    """Put a chunk that is not there yet into the table."""
    put_key(key, data, num_bytes)
    slot = find_empty(get64(state, SLOTS_BASE), get64(state, SLOT_MASK), get64(key, LOW), get64(key, HIGH))
    insert(state, slot, key, data, num_bytes, ids, count)


class Dictionary:
    """Chunks with their ids within `max_bytes`; when that is full, no more are added. For one thread at a time.

    `known` are chunks whose ids do not follow from merges; they are always there.
    """

    def __init__(
        self,
        known: Iterable[tuple[bytes, int]] = (),
        max_bytes: int = DEFAULT_BYTES,
        first_slots: int = FIRST_SLOTS,
    ) -> None:
        self.state = np.zeros(8, np.int64)
        self._max_bytes = max_bytes
        fixed = list(known)
        while first_slots < 4 * len(fixed):
            first_slots *= 2
        self._arena = np.empty(0, np.uint8)
        self._set_arena(_ARENA_PER_SLOT * first_slots + sum(len(chunk) + 4 for chunk, _ in fixed))
        self._set_slots(first_slots)
        key, ids = np.zeros(2, np.int64), np.zeros(INLINE, np.int64)
        for chunk, token in fixed:
            data = np.frombuffer(chunk + bytes(16), np.uint8)
            ids[0] = token
            insert_known(self.address, key.ctypes.data, data.ctypes.data, len(chunk), ids.ctypes.data, 1)

    @property
    def address(self) -> int:
        """Where `state` is."""
        return int(self.state.ctypes.data)

    @property
    def num_bytes(self) -> int:
        """Bytes of memory held."""
        return self._slots.nbytes + self._arena.nbytes

    def make_room(self) -> None:
        """Grow what is full, or close where that would take more than the memory allowed."""
        slots = self._slots
        more_slots = bool(self.state[ENTRIES] >= self.state[MAX_ENTRIES])
        num_slots = len(slots) // SLOT * (GROWTH if more_slots else 1)
        num_arena = len(self._arena) * (1 if more_slots else 2)
        if SLOT_BYTES * num_slots + num_arena > self._max_bytes:
            self.state[FULL] = CLOSED
            return
        self.state[FULL] = OPEN
        if not more_slots:
            self._set_arena(num_arena)
            return
        self._set_slots(num_slots)
        move_slots(slots.ctypes.data, len(slots) // SLOT, self._slots.ctypes.data, num_slots - 1)

    def _set_slots(self, number: int) -> None:
        memory = np.zeros(number * SLOT + 8, np.int64)
        skip = -memory.ctypes.data % 64 // 8
        self._slots: npt.NDArray[np.int64] = memory[skip : skip + number * SLOT]
        self.state[SLOTS_BASE] = self._slots.ctypes.data
        self.state[SLOT_MASK] = number - 1
        self.state[MAX_ENTRIES] = number * 5 // 8

    def _set_arena(self, size: int) -> None:
        arena = np.empty(size, np.uint8)
        arena[: len(self._arena)] = self._arena
        self._arena = arena
        self.state[ARENA_BASE] = arena.ctypes.data
        self.state[ARENA_SIZE] = size
