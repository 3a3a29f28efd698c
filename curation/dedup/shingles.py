"""Shingles of clean text as 64-bit hashes: n consecutive tokens of the normalised text, or n of its characters.

What a token is, a profile says (`profiles`). The normalised text is the tokens with one space between them. A hash stands
for its shingle: tokens of up to 8 bytes are hashed without loss before the last mix, and two different shingles share a
hash with probability about 2^-64. The profile `prose` hashes the words with spaces between by XXH64, as datatrove does.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.clean import text_buffers
from midmix.curation.dedup.hashes import mix64, xxh64
from midmix.curation.dedup.lanes import EIGHT, put_eight
from midmix.curation.dedup.parameters import CHARACTERS, JOINED, SignatureSettings
from midmix.curation.dedup.profiles import PROFILES
from midmix.curation.dedup.profiles.batch import Batch, Scratch
from midmix.curation.dedup.profiles.characters import get_character, utf8_length
from midmix.curation.score.words.memory import clear, get8, get32, get64, put64, trailing_zeros
from midmix.jit import njit
from midmix.tables import TEXT

# Bytes of text that are worked on at once: with what is made of them they stay in the caches. With half as many
# signing takes a tenth longer, for the calls; with twice as many it takes as long.
BATCH_BYTES = 512 << 10
BASE = 0xD6E8FEB86659FD93

# The scratch space is the process's.
LOCK = threading.Lock()
SCRATCH = Scratch()


@dataclass(frozen=True)
class Shingles:
    """Shingles of some documents: `hashes[offsets[i]:offsets[i + 1]]` are the distinct ones of document i.

    offsets: int64[n + 1]; hashes: uint64, in order of first appearance, never 0; num_words: int64[n], tokens.
    """

    offsets: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.uint64]
    num_words: npt.NDArray[np.int64]


@njit(inline="always")
def _token_hash(at, length):  # type: ignore[no-untyped-def]
    value = np.uint64(0x9E3779B97F4A7C15) * np.uint64(length)
    while length > 8:
        value = mix64(value ^ np.uint64(get64(at, 0)))
        at += 8
        length -= 8
    mask = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - 8 * length)
    return mix64(value ^ np.uint64(get64(at, 0)) & mask)


@njit(inline="always")
def _add(recent, place, rolling, leaving, hashed):  # type: ignore[no-untyped-def]
    """The rolling hash when a unit joins it and that in the same place of the ring leaves."""
    gone = np.uint64(get64(recent, place)) * leaving
    put64(recent, place, np.int64(hashed))
    return rolling * np.uint64(BASE) + hashed - gone


@njit(inline="always")
def _leaving(ngram):  # type: ignore[no-untyped-def]
    value = np.uint64(1)
    for _ in range(ngram):
        value *= np.uint64(BASE)
    return value


@njit(inline="always")
def _clear(recent, ngram):  # type: ignore[no-untyped-def]
    for place in range(ngram):
        put64(recent, place, 0)


@njit
def _hash_tokens(text, starts, ends, first, last, ngram, recent, out):  # type: ignore[no-untyped-def]
    rolling, leaving = np.uint64(0), _leaving(ngram)
    _clear(recent, ngram)
    place = 0
    for number in range(last - first):
        start = get32(starts, first + number)
        hashed = _token_hash(text + start, get32(ends, first + number) - start)
        rolling = _add(recent, place, rolling, leaving, hashed)
        place = place + 1 if place + 1 < ngram else 0
        if number >= ngram - 1:
            put64(out, number - ngram + 1, np.int64(mix64(rolling)))
    return max(last - first - ngram + 1, 0)


@njit
def _hash_joined(text, starts, ends, first, last, ngram, out):  # type: ignore[no-untyped-def]
    """XXH64 of each shingle; EIGHT - 1 words behind the last may be written.

    The last eight take in places behind the last token, which are 0 or an earlier batch's: `text` never shrank since.
    """
    count = max(last - first - ngram + 1, 0)
    starts += 4 * first
    ends += 4 * (first + ngram - 1)
    for number in range(0, count, EIGHT):
        long = put_eight(text, starts + 4 * number, ends + 4 * number, out + 8 * number)
        while long:
            place = number + trailing_zeros(long)
            long &= long - 1
            if place < count:
                start = get32(starts, place)
                put64(out, place, np.int64(xxh64(text + start, get32(ends, place) - start, 0)))
    return count


@njit
def _hash_characters(text, starts, ends, first, last, ngram, recent, out):  # type: ignore[no-untyped-def]
    rolling, leaving = np.uint64(0), _leaving(ngram)
    _clear(recent, ngram)
    place = 0
    number = 0
    for token in range(first, last):
        at, end = text + get32(starts, token), text + get32(ends, token)
        between = token > first
        while at < end or between:
            code = 0x20 if between else get8(at, 0)
            if code >= 0x80:
                code = get_character(at)
            if not between:
                at += utf8_length(code)
            between = False
            rolling = _add(recent, place, rolling, leaving, mix64(np.uint64(code)))
            place = place + 1 if place + 1 < ngram else 0
            number += 1
            if number >= ngram:
                put64(out, number - ngram, np.int64(mix64(rolling)))
    return max(number - ngram + 1, 0)


@njit
def distinct(hashes, count, seen):  # type: ignore[no-untyped-def]
    """Keep the first of equal hashes, in place, with 1 for 0; how many. `seen` has room for 8 * count + 16 uint64."""
    size = 16
    while size < 4 * count:
        size *= 2
    clear(seen, 8 * size)
    made = 0
    for index in range(count):
        value = get64(hashes, index)
        if value == 0:
            value = 1
        slot = (value >> 20) & (size - 1)
        held = get64(seen, slot)
        while held != 0 and held != value:
            slot = (slot + 1) & (size - 1)
            held = get64(seen, slot)
        if held == 0:
            put64(seen, slot, value)
            put64(hashes, made, value)
            made += 1
    return made


@njit
def put_shingles(hashing, text, starts, ends, first, last, ngram, recent, out):  # type: ignore[no-untyped-def]
    """Fill the hashes of all shingles of tokens `first` to `last`; how many. EIGHT more may be written."""
    if hashing == CHARACTERS:
        return _hash_characters(text, starts, ends, first, last, ngram, recent, out)
    if hashing == JOINED:
        return _hash_joined(text, starts, ends, first, last, ngram, out)
    return _hash_tokens(text, starts, ends, first, last, ngram, recent, out)


@njit
def _shingle(batch, hashing, ngram, recent, seen, out, offsets):  # type: ignore[no-untyped-def]
    """Fill the distinct shingles of a batch (its addresses: documents, text, starts, ends, firsts)."""
    documents, text, starts, ends, firsts = batch
    made = 0
    for document in range(documents):
        put64(offsets, document, made)
        first, last = get64(firsts, document), get64(firsts, document + 1)
        place = out + 8 * made
        count = put_shingles(hashing, text, starts, ends, first, last, ngram, recent, place)
        made += distinct(place, count, seen)
    put64(offsets, documents, made)


def text_batches(texts: pa.LargeStringArray, batch_bytes: int = BATCH_BYTES) -> Iterator[slice]:
    """Consecutive slices of documents with at most `batch_bytes` of text each (a longer document stands alone)."""
    bounds, _ = text_buffers(texts)
    first = 0
    while first < len(texts):
        last = int(np.searchsorted(bounds, bounds[first] + batch_bytes, side="right")) - 1
        last = max(last, first + 1)
        yield slice(first, last)
        first = last


class Cut:
    """A batch whose tokens are found, with scratch space for the shingles of its longest document and of all."""

    def __init__(self, texts: pa.LargeStringArray, settings: SignatureSettings) -> None:
        batch = self.batch = Batch(SCRATCH, texts)
        PROFILES[settings.profile](batch)
        firsts = batch.first_tokens[: batch.documents + 1]
        self.num_words = np.diff(firsts)
        self.most = self.num_words
        if settings.unit == "characters":
            self.most = batch.token_bytes() + self.num_words
        self.longest = int(self.most.max(initial=0))
        self.seen = SCRATCH.array("seen", 8 * self.longest + 16, np.uint64).ctypes.data
        self.recent = SCRATCH.array("recent", settings.ngram, np.uint64).ctypes.data
        self.addresses = (batch.documents, batch.text, batch.starts, batch.ends, batch.firsts)


def shingle(texts: pa.LargeStringArray, settings: SignatureSettings) -> Shingles:
    """Distinct shingles and the number of tokens of each text; no shingle where a text is shorter than one."""
    offsets, hashes, num_words = [np.zeros(1, np.int64)], [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    total = 0
    with LOCK:
        for some in text_batches(texts.cast(TEXT)):
            cut = Cut(texts[some], settings)
            size = cut.batch.documents + 1
            out = SCRATCH.array("shingles", int(cut.most.sum()) + EIGHT, np.uint64)
            ends = SCRATCH.array("ends_of_shingles", size, np.int64)
            places = (cut.recent, cut.seen, out.ctypes.data, ends.ctypes.data)
            _shingle(cut.addresses, settings.hashing, settings.ngram, *places)
            hashes.append(out[: ends[size - 1]].copy())
            offsets.append(ends[1:size] + total)
            num_words.append(cut.num_words)
            total += int(ends[size - 1])
            SCRATCH.forget()
    return Shingles(np.concatenate(offsets), np.concatenate(hashes), np.concatenate(num_words))
