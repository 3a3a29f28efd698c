"""A tokenizer's merges as tables that the kernels of `merge` read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from midmix.curation.tokenize.bpe import merge
from midmix.curation.tokenize.bpe.pattern import NotCovered

# Chunks for which there is room from the start, in bytes.
FIRST_ROOM = 1 << 12
# Slots of the table of pairs per merge, at least: half a megabyte of 32,000 merges stays in the second level of cache.
_SLOTS_PER_MERGE = 2
# A chunk may set up to three places on the heap for each of its bytes.
_HEAP_PER_BYTE = 3


def byte_characters() -> list[str]:
    """The character that stands for each byte in the vocabulary of a byte-level tokenizer: 256 of them.

    Source: bytes_char of tokenizers/src/pre_tokenizers/byte_level.rs.
    """
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = {byte: 256 + number for number, byte in enumerate(sorted(set(range(256)) - set(shown)))}
    return [chr(hidden.get(byte, byte)) for byte in range(256)]


class Merges:
    """Ids of bytes, ranks of pairs and scratch space, behind the addresses in `state` (int64[FIELDS])."""

    def __init__(self, vocabulary: Mapping[str, int], pairs: Sequence[tuple[str, str]]) -> None:
        missing = [byte for byte, char in enumerate(byte_characters()) if char not in vocabulary]
        if missing:
            raise NotCovered(f"its vocabulary has no token for {len(missing)} of 256 bytes")
        if max(*vocabulary.values(), len(pairs)) >> merge.ID_BITS:
            raise NotCovered(f"it has ids or merges beyond {1 << merge.ID_BITS:,}")
        self.state = np.zeros(merge.FIELDS, np.int64)
        self._arrays: dict[int, npt.NDArray[np.generic]] = {}
        byte_ids = np.array([vocabulary[char] for char in byte_characters()], np.int64)
        lefts = np.array([vocabulary[left] for left, _ in pairs], np.int64)
        rights = np.array([vocabulary[right] for _, right in pairs], np.int64)
        self._set(merge.BYTE_IDS, byte_ids)
        self._set(merge.MERGED, np.array([vocabulary[left + right] for left, right in pairs], np.uint32))
        bits = max(4, (_SLOTS_PER_MERGE * len(pairs)).bit_length())
        self._set(merge.PAIRS, np.full(1 << bits, -1, np.int64))
        self.state[merge.PAIR_SHIFT] = 64 - bits
        self.state[merge.PAIR_MASK] = (1 << bits) - 1
        merge.fill_pairs(self.address, lefts.ctypes.data, rights.ctypes.data, len(pairs))
        self._set(merge.BYTE_RANKS, _byte_ranks(byte_ids, lefts, rights))
        self.make_room(FIRST_ROOM)

    @property
    def address(self) -> int:
        """Where `state` is."""
        return int(self.state.ctypes.data)

    def make_room(self, num_bytes: int) -> None:
        """Give scratch space for chunks of so many bytes."""
        for field in (merge.IDS, merge.NEXT, merge.PREVIOUS):
            self._set(field, np.empty(num_bytes, np.int64))
        self._set(merge.PLACES, np.empty(num_bytes + 4, np.int64))
        self._set(merge.HEAP, np.empty(_HEAP_PER_BYTE * num_bytes, np.int64))
        self.state[merge.ROOM] = num_bytes

    def chunk_ids(self, chunk: bytes) -> list[int]:
        """Ids of one chunk, merged on its own."""
        if len(chunk) > self.state[merge.ROOM]:
            self.make_room(len(chunk))
        data = np.frombuffer(chunk + bytes(16), np.uint8)
        count = merge.merge_chunk(self.address, data.ctypes.data, len(chunk))
        ids = self._arrays[merge.IDS][:count]
        return list(map(int, ids))

    def _set(self, field: int, array: npt.NDArray[np.generic]) -> None:
        self._arrays[field] = array
        self.state[field] = array.ctypes.data


def _byte_ranks(
    byte_ids: npt.NDArray[np.int64], lefts: npt.NDArray[np.int64], rights: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint32]:
    """Rank of every pair of bytes, NO_RANK where they do not merge: uint32[65536], the first byte on top."""
    byte_of = {int(token): byte for byte, token in enumerate(byte_ids)}
    ranks = np.full(1 << 16, merge.NO_RANK, np.uint32)
    single = np.isin(lefts, byte_ids) & np.isin(rights, byte_ids)
    for rank in np.flatnonzero(single).tolist():
        ranks[byte_of[int(lefts[rank])] << 8 | byte_of[int(rights[rank])]] = rank
    return ranks
