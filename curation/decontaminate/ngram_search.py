"""The search for exact n-grams: one pass over the words, one look at a bit set per word, more only where it answers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.clean import text_buffers
from midmix.curation.decontaminate.bit_filter import filter_bits, filter_block
from midmix.curation.decontaminate.ngrams import BASE, NgramIndex, gram_hash, powers
from midmix.curation.decontaminate.words import fold_tables, next_word
from midmix.jit import njit

# Rows that a kernel call returns at most (more where one document touches more entries).
_ROWS = 65_536
# Words that are hashed before they are looked up, so that looks into a large filter overlap instead of waiting in turn.
_WORDS_AT_A_TIME = 64


@njit(inline="always")
def _perhaps(blocks, value):  # type: ignore[no-untyped-def]
    bits = filter_bits(value)
    return bool(blocks[filter_block(value, blocks.size)] & bits == bits)


@njit(inline="always")
def _find(hashes, value):  # type: ignore[no-untyped-def]
    """Where `value` stands in ascending `hashes`, -1 where it does not."""
    low, high = 0, hashes.size
    while low < high:
        middle = (low + high) >> 1
        if hashes[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low if low < hashes.size and hashes[low] == value else -1


@njit
def _search(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    first_doc: int,
    classes: npt.NDArray[np.uint8],
    letters: npt.NDArray[np.uint8],
    folded: npt.NDArray[np.uint16],
    hashes: npt.NDArray[np.uint64],
    starts: npt.NDArray[np.int64],
    entries: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    shortest: int,
    tail_filter: npt.NDArray[np.uint64],
    gram_filter: npt.NDArray[np.uint64],
    num_entries: int,
    base: np.uint64,
    out: npt.NDArray[np.int64],
) -> tuple[int, int]:
    """Search documents from `first_doc` on until `out` may not hold another; (next document, rows written).

    A row of `out`: document, entry, distinct n-grams of the entry found, first byte, byte after the last.
    """
    longest = lengths[-1]
    ring = 1
    while ring <= longest + _WORDS_AT_A_TIME:
        ring *= 2
    last = ring - 1
    power = powers(base, longest + 1)
    prefixes = np.zeros(ring, np.uint64)  # of the words before, by number of words
    begins = np.zeros(ring, np.int64)  # of a word, by its ordinal
    ends = np.zeros(ring, np.int64)
    gram_seen = np.full(hashes.size, -1, np.int64)
    row_of_entry = np.full(num_entries, -1, np.int64)
    rows = 0
    for doc in range(first_doc, offsets.size - 1):
        if rows + num_entries > out.shape[0]:
            return doc, rows
        opened = rows
        at, end = offsets[doc], offsets[doc + 1]
        prefix = np.uint64(0)
        prefixes[0] = prefix
        words = 0
        while at < end:
            known = words
            while words < known + _WORDS_AT_A_TIME:
                word, begin, at = next_word(data, at, end, classes, letters, folded)
                if begin == at:
                    break
                begins[words & last] = begin
                ends[words & last] = at
                prefix = prefix * base + word
                words += 1
                prefixes[words & last] = prefix
            for upto in range(max(known + 1, shortest), words + 1):
                tail = prefixes[upto & last] - prefixes[(upto - shortest) & last] * power[shortest]
                if not _perhaps(tail_filter, gram_hash(tail, shortest)):
                    continue
                for length in lengths:
                    if length > upto:
                        break
                    rolling = prefixes[upto & last] - prefixes[(upto - length) & last] * power[length]
                    value = gram_hash(rolling, length)
                    if not _perhaps(gram_filter, value):
                        continue
                    gram = _find(hashes, value)
                    if gram < 0:
                        continue
                    is_new = gram_seen[gram] != doc
                    gram_seen[gram] = doc
                    for k in range(starts[gram], starts[gram + 1]):
                        row = row_of_entry[entries[k]]
                        if row < opened:
                            row = rows
                            rows += 1
                            row_of_entry[entries[k]] = row
                            out[row, 0] = doc
                            out[row, 1] = entries[k]
                            out[row, 2] = 0
                            out[row, 3] = begins[(upto - length) & last] - offsets[doc]
                        out[row, 2] += is_new
                        out[row, 4] = ends[(upto - 1) & last] - offsets[doc]
    return offsets.size - 1, rows


def search_ngrams(texts: pa.LargeStringArray, index: NgramIndex) -> npt.NDArray[np.int64]:
    """Rows int64 [n, 5]: text (its ordinal), entry, distinct n-grams of it found, first byte, byte after the last; in the
    order of texts, entries of a text in no order. Bytes are of the text's own UTF-8."""
    if not len(index.hashes) or not len(texts):
        return np.zeros((0, 5), np.int64)
    bounds, data = text_buffers(texts)
    out = np.empty((max(_ROWS, len(index.totals)), 5), np.int64)
    found, doc = [], 0
    while doc < len(texts):
        doc, rows = _search(
            data, bounds, doc, *fold_tables(), index.hashes, index.starts, index.entries, index.lengths,
            index.grams[0].shortest, index.tail_filter, index.gram_filter, len(index.totals), BASE, out,
        )  # fmt: skip
        found.append(out[:rows].copy())
    return np.concatenate(found)
