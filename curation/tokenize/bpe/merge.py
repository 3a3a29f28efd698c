"""BPE of one chunk: of all neighbours that merge, those with the lowest rank do, the leftmost first, until none do.

That is what `Word::merge_all` of tokenizers/src/models/bpe/word.rs does with its heap. Two routes with one result:
short chunks look for the lowest rank among all places every time, long ones keep a heap.
"""

from __future__ import annotations

from midmix.curation.score.words.memory import get8, get32, get64, put64, shift_right, wrapping_multiply
from midmix.jit import njit

# A tokenizer's merges by address, in the array that `Merges.state` is, then scratch space for chunks of ROOM bytes.
(
    BYTE_IDS, BYTE_RANKS, PAIRS, PAIR_SHIFT, PAIR_MASK, MERGED, ROOM, IDS, PLACES, NEXT, PREVIOUS, HEAP,
) = range(12)  # fmt: skip
FIELDS = 12

ID_BITS = 21  # of ids and ranks: two ids and a rank are one int64
NO_RANK = 0x7FFFFFFF
RANK_SHIFT = 32  # a place in the race is rank << 32 | index
NO_PLACE = NO_RANK << RANK_SHIFT
MIX = 0x9E3779B97F4A7C15 - (1 << 64)
# Bytes up to which every merge looks at all places; about there the heap begins to win.
FEW = 64


@njit(inline="always")
def rank_of(merges, left, right):  # type: ignore[no-untyped-def]
    """Rank of the merge of two ids, or NO_RANK."""
    pairs, mask = get64(merges, PAIRS), get64(merges, PAIR_MASK)
    key = left << ID_BITS | right
    slot = shift_right(wrapping_multiply(key, MIX), get64(merges, PAIR_SHIFT))
    while True:
        entry = get64(pairs, slot)
        if shift_right(entry, ID_BITS) == key:
            return entry & ((1 << ID_BITS) - 1)
        if entry < 0:
            return NO_RANK
        slot = (slot + 1) & mask


@njit
def fill_pairs(merges, lefts, rights, count):  # type: ignore[no-untyped-def]
    """Put `count` merges (int64 ids at two addresses) into the empty table; of equal pairs the last one counts."""
    pairs, mask = get64(merges, PAIRS), get64(merges, PAIR_MASK)
    for rank in range(count):
        key = get64(lefts, rank) << ID_BITS | get64(rights, rank)
        slot = shift_right(wrapping_multiply(key, MIX), get64(merges, PAIR_SHIFT))
        while get64(pairs, slot) >= 0 and shift_right(get64(pairs, slot), ID_BITS) != key:
            slot = (slot + 1) & mask
        put64(pairs, slot, key << ID_BITS | rank)


@njit(inline="always")
def lowest(places, count):  # type: ignore[no-untyped-def]
    """The lowest of `count` places; the three behind them are NO_PLACE."""
    first, second = get64(places, 0), get64(places, 1)
    third, fourth = get64(places, 2), get64(places, 3)
    for index in range(4, count, 4):
        first = min(first, get64(places, index))
        second = min(second, get64(places, index + 1))
        third = min(third, get64(places, index + 2))
        fourth = min(fourth, get64(places, index + 3))
    first = min(first, second)
    third = min(third, fourth)
    return min(first, third)


@njit
def start(merges, data, count):  # type: ignore[no-untyped-def]
    """Set ids, neighbours and places of the bytes of a chunk."""
    ids, places = get64(merges, IDS), get64(merges, PLACES)
    following, previous = get64(merges, NEXT), get64(merges, PREVIOUS)
    byte_ids, ranks = get64(merges, BYTE_IDS), get64(merges, BYTE_RANKS)
    byte = get8(data, 0)
    for index in range(count):
        put64(ids, index, get64(byte_ids, byte))
        put64(following, index, index + 1)
        put64(previous, index, index - 1)
        after = get8(data, index + 1)
        put64(places, index, get32(ranks, byte << 8 | after) << RANK_SHIFT | index)
        byte = after
    for index in range(count - 1, count + 3):
        put64(places, index, NO_PLACE)


@njit(inline="always")
def join(merges, place, count):  # type: ignore[no-untyped-def]
    """Do the merge of a place: (index, index of the neighbour before or -1); their new places are set."""
    ids, places = get64(merges, IDS), get64(merges, PLACES)
    following, previous = get64(merges, NEXT), get64(merges, PREVIOUS)
    index = place & 0xFFFFFFFF
    gone = get64(following, index)
    after, before = get64(following, gone), get64(previous, index)
    made = get32(get64(merges, MERGED), place >> RANK_SHIFT)
    put64(ids, index, made)
    put64(following, index, after)
    put64(places, gone, NO_PLACE)
    put64(places, index, NO_PLACE)
    if after < count:
        put64(previous, after, index)
        put64(places, index, rank_of(merges, made, get64(ids, after)) << RANK_SHIFT | index)
    if before >= 0:
        put64(places, before, rank_of(merges, get64(ids, before), made) << RANK_SHIFT | before)
    return index, before


@njit
def push(heap, size, place):  # type: ignore[no-untyped-def]
    """Add a place to the heap; the new size."""
    at = size
    while at > 0:
        above = (at - 1) >> 1
        if get64(heap, above) <= place:
            break
        put64(heap, at, get64(heap, above))
        at = above
    put64(heap, at, place)
    return size + 1


@njit
def pop(heap, size):  # type: ignore[no-untyped-def]
    """Take the lowest place off the heap; the new size."""
    size -= 1
    last = get64(heap, size)
    at = 0
    while True:
        below = 2 * at + 1
        if below >= size:
            break
        if below + 1 < size and get64(heap, below + 1) < get64(heap, below):
            below += 1
        if get64(heap, below) >= last:
            break
        put64(heap, at, get64(heap, below))
        at = below
    put64(heap, at, last)
    return size


@njit
def merge_many(merges, count):  # type: ignore[no-untyped-def]
    """Merge a long chunk that is set up. A place on the heap that is no longer its index's own is out of date."""
    places, heap = get64(merges, PLACES), get64(merges, HEAP)
    size = 0
    for index in range(count):
        if get64(places, index) < NO_PLACE:
            size = push(heap, size, get64(places, index))
    while size:
        place = get64(heap, 0)
        size = pop(heap, size)
        if get64(places, place & 0xFFFFFFFF) != place:
            continue
        index, before = join(merges, place, count)
        if get64(places, index) < NO_PLACE:
            size = push(heap, size, get64(places, index))
        if before >= 0 and get64(places, before) < NO_PLACE:
            size = push(heap, size, get64(places, before))


@njit
def merge_chunk(merges, data, count):  # type: ignore[no-untyped-def]
    """Fill IDS with the ids of a chunk of `count` bytes, at least 1 and at most ROOM; how many they are."""
    start(merges, data, count)
    if count > FEW:
        merge_many(merges, count)
    else:
        places = get64(merges, PLACES)
        while True:
            place = lowest(places, count)
            if place >= NO_PLACE:
                break
            join(merges, place, count)
    ids, following = get64(merges, IDS), get64(merges, NEXT)
    made = index = 0
    while index < count:
        put64(ids, made, get64(ids, index))
        made += 1
        index = get64(following, index)
    return made
