"""The seeded permutation: which documents are held out, where the others stand, and in which shard.

All of it follows from a document's content hash, or from that of its group's name, and the seed, so neither the order of
parts, nor the number of workers, nor a source that is added later moves a document between splits.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

_PERSON = b"midmix.shuffle"


def draw(hashes: pa.FixedSizeBinaryArray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two independent uniform uint64[n] per document, from BLAKE2b keyed with the seed: (for the split, for the place).

    Equal hashes draw equally, so neither copies that stand alone nor the documents of a group straddle the splits.
    """
    key = seed.to_bytes(8, "little", signed=True)
    blake2b = hashlib.blake2b
    digests = b"".join(blake2b(value, digest_size=16, key=key, person=_PERSON).digest() for value in hashes.to_pylist())
    pairs = np.frombuffer(digests, dtype="<u8").reshape(-1, 2)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


def is_heldout(draws: np.ndarray, fraction: float) -> np.ndarray:
    """Whether each document is held out: its draw lies in the lowest `fraction` of the range. bool[n]."""
    return draws < np.uint64(int(fraction * 2.0**64))


def num_shards(num_tokens: int, shard_tokens: int) -> int:
    """Ranges to cut a domain and split into, so that each holds about `shard_tokens` tokens."""
    return max(1, -(-num_tokens // shard_tokens))


def shard_of(places: np.ndarray, shards: int) -> np.ndarray:
    """Range of each place: i where it lies in [i / shards, (i + 1) / shards) of the key space. int64[n]."""
    return ((places >> np.uint64(32)) * np.uint64(shards) >> np.uint64(32)).astype(np.int64)


def permutation(
    places: np.ndarray, ties: np.ndarray, before: np.ndarray, part_ranks: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Order of the documents: by place and `ties`, equal for one group or text alone; in it by the tokens `before` each.

    Equal texts stand by (rank of the part by source, path and first row; row).
    """
    return np.lexsort((rows, part_ranks, before, ties, places))
