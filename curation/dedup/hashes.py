"""Hashes of bytes at an address: XXH64 as xxhash defines it, and the two hashes of 128 bits by which whole texts are compared.

Source: Yann Collet, xxHash, doc/xxhash_spec.md (algorithm description: XXH64).
"""

from __future__ import annotations

import numpy as np

from midmix.curation.dedup.frames import put_frame
from midmix.curation.dedup.lanes import PRIME_1, PRIME_2, PRIME_3, PRIME_4, PRIME_5, STRIPE, stripes
from midmix.curation.score.words.memory import get8, get32, get64, put64
from midmix.jit import njit

SEED_1, SEED_2 = 0x6D69646D6978, 0x64656475706C  # a text's hash is XXH64 with each: 128 bits
_stripes_of_both = stripes(SEED_1, SEED_2)


@njit(inline="always")
def rotate(value, count):  # type: ignore[no-untyped-def]
    """Rotate 64 bits to the left."""
    return value << np.uint64(count) | value >> np.uint64(64 - count)


@njit(inline="always")
def mix64(x):  # type: ignore[no-untyped-def]
    """A bijection of 64-bit values in which every input bit reaches every output bit (Stafford's variant 13)."""
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(inline="always")
def _round(lane, eight):  # type: ignore[no-untyped-def]
    return rotate(lane + np.uint64(eight) * np.uint64(PRIME_2), 31) * np.uint64(PRIME_1)


@njit(inline="always")
def _merge(value, lane):  # type: ignore[no-untyped-def]
    return (value ^ _round(np.uint64(0), lane)) * np.uint64(PRIME_1) + np.uint64(PRIME_4)


@njit(inline="always")
def _start(seed):  # type: ignore[no-untyped-def]
    """The four lanes before the first bytes."""
    seed = np.uint64(seed)
    return seed + np.uint64(PRIME_1) + np.uint64(PRIME_2), seed + np.uint64(PRIME_2), seed, seed - np.uint64(PRIME_1)


@njit(inline="always")
def _stripe(lanes, at):  # type: ignore[no-untyped-def]
    one, two, three, four = lanes
    one, two = _round(one, get64(at, 0)), _round(two, get64(at, 1))
    return one, two, _round(three, get64(at, 2)), _round(four, get64(at, 3))


@njit(inline="always")
def _join(lanes):  # type: ignore[no-untyped-def]
    one, two, three, four = lanes
    value = rotate(one, 1) + rotate(two, 7) + rotate(three, 12) + rotate(four, 18)
    return _merge(_merge(_merge(_merge(value, one), two), three), four)


@njit(inline="always")
def _finish(value, at, left):  # type: ignore[no-untyped-def]
    """Add the last bytes, fewer than 32. More than these are read, so that no jump depends on how many there are."""
    for index in range(3):
        joined = rotate(value ^ _round(np.uint64(0), get64(at, index)), 27) * np.uint64(PRIME_1) + np.uint64(PRIME_4)
        value = joined if index < left >> 3 else value
    at += left & 24
    joined = rotate(value ^ np.uint64(get32(at, 0)) * np.uint64(PRIME_1), 23) * np.uint64(PRIME_2) + np.uint64(PRIME_3)
    value = joined if left & 4 else value
    at += left & 4
    for index in range(3):
        joined = rotate(value ^ np.uint64(get8(at, index)) * np.uint64(PRIME_5), 11) * np.uint64(PRIME_1)
        value = joined if index < left & 3 else value
    value = (value ^ value >> np.uint64(33)) * np.uint64(PRIME_2)
    value = (value ^ value >> np.uint64(29)) * np.uint64(PRIME_3)
    return value ^ value >> np.uint64(32)


@njit
def xxh64(at, num_bytes, seed):  # type: ignore[no-untyped-def]
    """XXH64 of the bytes at an address, uint64. A stripe of 32 bytes behind them may be read."""
    end = at + num_bytes
    value = np.uint64(seed) + np.uint64(PRIME_5)
    if num_bytes >= 32:
        lanes = _start(seed)
        while at + 32 <= end:
            lanes = _stripe(lanes, at)
            at += 32
        value = _join(lanes)
    return _finish(value + np.uint64(num_bytes), at, end - at)


@njit
def put_hash(at, num_bytes, to):  # type: ignore[no-untyped-def]
    """Put XXH64 with SEED_1 and with SEED_2, two uint64, at an address: the hash of 128 bits of the bytes at another."""
    end = at + num_bytes
    one, two = np.uint64(SEED_1) + np.uint64(PRIME_5), np.uint64(SEED_2) + np.uint64(PRIME_5)
    if num_bytes >= STRIPE:
        lanes = _stripes_of_both(at, num_bytes // STRIPE)
        one, two = _join(lanes[:4]), _join(lanes[4:])
        at = end - num_bytes % STRIPE
    put64(to, 0, np.int64(_finish(one + np.uint64(num_bytes), at, end - at)))
    put64(to, 1, np.int64(_finish(two + np.uint64(num_bytes), at, end - at)))


@njit
def hash_texts(raw, offsets, documents, frame, clean_hashes, frame_hashes):  # type: ignore[no-untyped-def]
    """Fill both hashes of the documents, uint64 [documents, 2]; `frame` has room for the longest of them and a block."""
    for document in range(documents):
        at, end = raw + get64(offsets, document), raw + get64(offsets, document + 1)
        put_hash(at, end - at, clean_hashes + 16 * document)
        put_hash(frame, put_frame(at, end, frame) - frame, frame_hashes + 16 * document)
