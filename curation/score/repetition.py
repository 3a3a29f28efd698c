"""Repeated lines, paragraphs and word n-grams, with datatrove's definitions.

A string stands in its set as a 64-bit polynomial hash of its code points. The hash of a run of words with nothing
between them comes from prefix sums, so that an n-gram costs two loads and a multiplication whatever its length.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from midmix.curation.score.segments import Batch
from midmix.jit import njit

BASE = np.uint64(0x9E6C63D0876A9A47)
INVERSE = np.uint64(pow(int(BASE), -1, 2**64))
MIX = np.uint64(0xBF58476D1CE4E5B9)
ONE = np.uint64(1)
THIRTY_ONE = np.uint64(31)
NEWLINE = ord("\n")


def repeated_segments(batch: Batch, *, min_newlines: int, strip: bool) -> npt.NDArray[np.int64]:
    """Segments, repeated segments (second and later) and their code points per document, int64 [n, 3].

    Segments are what `re.split` gives at runs of at least `min_newlines` newlines, of the stripped text with `strip`.
    """
    words = batch.words
    starts, ends = batch.offsets[:-1].copy(), batch.offsets[1:].copy()
    if strip:
        filled = words.counts > 0
        starts[filled] = words.starts[words.first[:-1][filled]]
        ends[filled] = words.ends[words.first[1:][filled] - 1]
        ends[~filled] = starts[~filled]
    measures: npt.NDArray[np.int64] = _repeated_segments(batch.codes, starts, ends, min_newlines)
    return measures


def word_ngrams(
    batch: Batch, top: tuple[int, ...], repeated: tuple[int, ...]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Code points of word n-grams per document: of the most frequent one, and of repeated ones.

    First, int64 [n, len(top)]: length of the most frequent n-gram, words joined by spaces, times its count; among
    equals the first to appear. Second, int64 [n, len(repeated)]: n-grams (words joined by nothing) seen before, the
    scan jumping over each one found.
    """
    words = batch.words
    chars: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] = _word_ngrams(
        batch.codes, words.starts, words.ends, words.first, np.array(top, np.int64), np.array(repeated, np.int64)
    )
    return chars


@njit(inline="always")
def _mix(value):  # type: ignore[no-untyped-def]
    mixed = (value ^ (value >> THIRTY_ONE)) * MIX
    return mixed ^ (mixed >> THIRTY_ONE)


@njit(inline="always")
def _find(keys, mask, key):  # type: ignore[no-untyped-def]
    """The slot that holds `key` (never 0), or the free one where it belongs."""
    slot = np.int64(_mix(key) & np.uint64(mask))
    while keys[slot] != 0 and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@njit
def _table_mask(entries):  # type: ignore[no-untyped-def]
    size = 16
    while size < 2 * entries:
        size *= 2
    return size - 1


@njit
def _repeated_segments(codes, starts, ends, min_newlines):  # type: ignore[no-untyped-def]
    measures = np.zeros((len(starts), 3), np.int64)
    keys = np.zeros(16, np.uint64)
    for document in range(len(starts)):
        newlines = 0
        for at in range(starts[document], ends[document]):
            newlines += codes[at] == NEWLINE
        mask = _table_mask(newlines // min_newlines + 1)
        if mask >= len(keys):
            keys = np.zeros(mask + 1, np.uint64)
        keys[: mask + 1] = 0
        at = starts[document]
        while True:
            key = ONE
            begin = at
            run = 0
            while at < ends[document]:
                if codes[at] == NEWLINE:
                    run = 1
                    while at + run < ends[document] and codes[at + run] == NEWLINE:
                        run += 1
                    if run >= min_newlines:
                        break
                key = key * BASE + np.uint64(codes[at]) + ONE
                at += 1
                run = 0
            key = max(_mix(key), ONE)
            slot = _find(keys, mask, key)
            measures[document, 0] += 1
            if keys[slot] == key:
                measures[document, 1] += 1
                measures[document, 2] += at - begin
            keys[slot] = key
            if at >= ends[document]:
                break
            at += run
    return measures


@njit
def _word_ngrams(codes, starts, ends, first, top, repeated):  # type: ignore[no-untyped-def]
    num_documents = len(first) - 1
    top_chars = np.zeros((num_documents, len(top)), np.int64)
    repeated_chars = np.zeros((num_documents, len(repeated)), np.int64)
    most = 0
    for document in range(num_documents):
        most = max(most, first[document + 1] - first[document])
    sums = np.zeros(most + 1, np.uint64)
    inverses = np.zeros(most + 1, np.uint64)
    hashes = np.zeros(most + 1, np.uint64)
    lengths = np.zeros(most + 1, np.int64)
    keys = np.zeros(_table_mask(most) + 1, np.uint64)
    entries = np.zeros((len(keys), 2), np.int64)
    for document in range(num_documents):
        low, high = first[document], first[document + 1]
        count = high - low
        mask = _table_mask(count)
        _prefix_sums(codes, starts[low:high], ends[low:high], sums, inverses, hashes, lengths)
        for i in range(len(top)):
            keys[: mask + 1] = 0
            top_chars[document, i] = _top_ngram(hashes, lengths, count, top[i], keys, entries, mask)
        for i in range(len(repeated)):
            keys[: mask + 1] = 0
            repeated_chars[document, i] = _repeated_ngrams(sums, inverses, lengths, count, repeated[i], keys, mask)
    return top_chars, repeated_chars


@njit
def _prefix_sums(codes, starts, ends, sums, inverses, hashes, lengths):  # type: ignore[no-untyped-def]
    """Fill, up to each word: hash sums, the power that moves a difference of sums to the front, code points.

    `hashes` is filled with the hash of each word.
    """
    total = np.uint64(0)
    power = ONE
    inverse = ONE
    sums[0] = total
    inverses[0] = inverse
    lengths[0] = 0
    for word in range(len(starts)):
        for at in range(starts[word], ends[word]):
            total += (np.uint64(codes[at]) + ONE) * power
            power *= BASE
            inverse *= INVERSE
        hashes[word] = _mix((total - sums[word]) * inverses[word])
        sums[word + 1] = total
        inverses[word + 1] = inverse
        lengths[word + 1] = lengths[word] + ends[word] - starts[word]


@njit
def _top_ngram(hashes, lengths, count, n, keys, entries, mask):  # type: ignore[no-untyped-def]
    """Length of the most frequent n-gram times its count. `entries` holds count and first word of each slot's key."""
    best_count, best_word = 0, 0
    for word in range(count - n + 1):
        key = np.uint64(0)
        for i in range(word, word + n):
            key = (key + hashes[i]) * BASE
        key = max(key, ONE)
        slot = _find(keys, mask, key)
        if keys[slot] != key:
            keys[slot] = key
            entries[slot, 0] = 0
            entries[slot, 1] = word
        entries[slot, 0] += 1
        seen, began = entries[slot, 0], entries[slot, 1]
        if seen > best_count or (seen == best_count and began < best_word):
            best_count, best_word = seen, began
    if best_count == 0:
        return 0
    return best_count * (lengths[best_word + n] - lengths[best_word] + n - 1)


@njit
def _repeated_ngrams(sums, inverses, lengths, count, n, keys, mask):  # type: ignore[no-untyped-def]
    """Code points of the n-grams seen before, in a scan that jumps over each one found."""
    chars = 0
    word = 0
    while word < count - n + 1:
        key = max(_mix((sums[word + n] - sums[word]) * inverses[word]), ONE)
        slot = _find(keys, mask, key)
        if keys[slot] == key:
            chars += lengths[word + n] - lengths[word]
            word += n
        else:
            keys[slot] = key
            word += 1
    return chars
