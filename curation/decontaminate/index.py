"""The n-gram index of evaluation items: which n-grams of words tell that a document holds text of an item.

Each field (question, answer) gives its n-grams of `ngram` words; a field of `min_words` words and more but fewer than
`ngram` is one n-gram of its own length; a shorter one cannot be detected. N-grams that more than MOST_ITEMS items of
a set share tell nothing of an item and are ignored, unless the item has no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.decontaminate.words import mix, word_hashes
from midmix.jit import njit
from midmix.tables import TEXT

MOST_ITEMS = 64
ANSWER, QUESTION = range(2)
FIELDS = ("answer", "question")
# Multiplier of rolling hashes: prefix' = prefix * BASE + word.
BASE = np.uint64(0xD6E8FEB86659FD93)
_FILTER_BITS_PER_GRAM = 16


@dataclass(frozen=True)
class Grams:
    """N-grams of one set: each with the field it is of, distinct within the field, sorted by (hash, field).

    hashes: uint64; tails: uint64, hash of the last `shortest` words, what documents are first looked up by;
    fields: int64, ordinal of the field in `items`, `codes`, `lengths`.
    items: int64; codes: uint8, ANSWER or QUESTION; lengths: int64, words per n-gram of the field.
    """

    hashes: npt.NDArray[np.uint64]
    tails: npt.NDArray[np.uint64]
    fields: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    codes: npt.NDArray[np.uint8]
    lengths: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Index:
    """What documents are searched with. Fields of all sets are numbered through.

    hashes: uint64 [n], distinct n-grams, ascending; starts: int64 [n + 1] into fields: int64, fields of each n-gram;
    lengths: int64, n-gram lengths in use, ascending; shortest: words that documents are first looked up by;
    tail_filter, gram_filter: uint64, sets of tails and n-grams that answer `no` or `perhaps` (see block_filter);
    sets, items, codes, field_lengths: of each field; totals: int64, its distinct n-grams.
    """

    hashes: npt.NDArray[np.uint64]
    starts: npt.NDArray[np.int64]
    fields: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    shortest: int
    tail_filter: npt.NDArray[np.uint64]
    gram_filter: npt.NDArray[np.uint64]
    names: tuple[str, ...]
    sets: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    codes: npt.NDArray[np.uint8]
    field_lengths: npt.NDArray[np.int64]
    totals: npt.NDArray[np.int64]


@njit(inline="always")  # type: ignore[untyped-decorator]
def gram_hash(rolling: np.uint64, length: int) -> np.uint64:
    """The hash of an n-gram from its rolling hash: n-grams of different lengths never share one by construction."""
    return np.uint64(mix(rolling + np.uint64(length) * np.uint64(0x9E3779B97F4A7C15)))


@njit
def powers(base: np.uint64, count: int) -> npt.NDArray[np.uint64]:
    """base^0 … base^(count - 1) mod 2^64."""
    out = np.ones(count, np.uint64)
    for i in range(1, count):
        out[i] = out[i - 1] * base
    return out


@njit
def _field_grams(
    offsets: npt.NDArray[np.int64],
    words: npt.NDArray[np.uint64],
    lengths: npt.NDArray[np.int64],
    shortest: int,
    base: np.uint64,
    hashes: npt.NDArray[np.uint64],
    tails: npt.NDArray[np.uint64],
    fields: npt.NDArray[np.int64],
) -> int:
    """Write every n-gram of every field with lengths[field] > 0; the number written."""
    power = powers(base, max(shortest, lengths.max()) + 1 if lengths.size else 1)
    filled = 0
    for field in range(lengths.size):
        length = lengths[field]
        if length == 0:
            continue
        rolling = np.uint64(0)
        tail = np.uint64(0)
        for i in range(offsets[field], offsets[field + 1]):
            rolling = rolling * base + words[i]
            tail = tail * base + words[i]
            seen = i - offsets[field] + 1
            if seen > length:
                rolling -= words[i - length] * power[length]
            if seen > shortest:
                tail -= words[i - shortest] * power[shortest]
            if seen >= length:
                hashes[filled] = gram_hash(rolling, length)
                tails[filled] = gram_hash(tail, shortest)
                fields[filled] = field
                filled += 1
    return filled


def gram_lengths(num_words: npt.NDArray[np.int64], ngram: int, min_words: int) -> npt.NDArray[np.int64]:
    """Words per n-gram of fields with so many words: `ngram`, fewer for a short field, 0 where undetectable."""
    return np.where(num_words >= min(min_words, ngram), np.minimum(num_words, ngram), 0)


def set_grams(items: pa.Table, ngram: int, min_words: int) -> Grams:
    """N-grams of one set's rows of EVALUATION_ITEMS that tell an item."""
    ordinals, codes, texts = _fields(items)
    offsets, words = word_hashes(texts)
    lengths = gram_lengths(np.diff(offsets), ngram, min_words)
    hashes, tails = np.empty(len(words), np.uint64), np.empty(len(words), np.uint64)
    fields = np.empty(len(words), np.int64)
    count = _field_grams(offsets, words, lengths, min(min_words, ngram), BASE, hashes, tails, fields)
    hashes, tails, fields = hashes[:count], tails[:count], fields[:count]
    order = np.lexsort((fields, hashes))
    order = order[_changes(hashes[order], fields[order])]
    hashes, tails, fields = hashes[order], tails[order], fields[order]
    kept = _telling(hashes, ordinals[fields])
    return Grams(hashes[kept], tails[kept], fields[kept], ordinals, codes, lengths)


def _fields(items: pa.Table) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], pa.LargeStringArray]:
    """(item, code, text) of every field that is not NULL."""
    ordinal = items.column("item").to_numpy()
    pieces = []
    for code, name in enumerate(FIELDS):
        column = items.column(name).combine_chunks().cast(TEXT)
        present = column.is_valid().to_numpy(zero_copy_only=False)
        pieces.append((ordinal[present], np.full(present.sum(), code, np.uint8), column.drop_null()))
    ordinals, codes, texts = zip(*pieces, strict=True)
    return np.concatenate(ordinals), np.concatenate(codes), pa.concat_arrays(texts)


def _changes(*columns: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """Whether each row differs from the one before it in any column."""
    out = np.ones(len(columns[0]), np.bool_)
    if len(out):
        out[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return out


def _telling(hashes: npt.NDArray[np.uint64], items: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which n-grams (sorted by hash) are of at most MOST_ITEMS items, or of an item that has no other."""
    order = np.lexsort((items, hashes))
    new = _changes(hashes[order], items[order])
    group = np.cumsum(_changes(hashes)) - 1
    per_gram = np.bincount(group[order], weights=new, minlength=1) if len(hashes) else np.zeros(1)
    rare = per_gram[group] <= MOST_ITEMS
    return np.asarray(rare | ~np.isin(items, items[rare]))


def build_index(grams: Mapping[str, Grams], shortest: int) -> Index:
    """One index over the n-grams of several sets."""
    sizes = [len(g.items) for g in grams.values()]
    firsts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    hashes = _concatenate([g.hashes for g in grams.values()], np.uint64)
    fields = _concatenate([g.fields + first for g, first in zip(grams.values(), firsts, strict=False)], np.int64)
    order = np.lexsort((fields, hashes))
    opens = np.flatnonzero(_changes(hashes[order]))
    lengths = _concatenate([g.lengths for g in grams.values()], np.int64)
    return Index(
        hashes=hashes[order][opens],
        starts=np.append(opens, len(order)).astype(np.int64),
        fields=fields[order],
        lengths=np.unique(lengths[fields]),
        shortest=shortest,
        tail_filter=_filter(_concatenate([g.tails for g in grams.values()], np.uint64)),
        gram_filter=_filter(hashes),
        names=tuple(grams),
        sets=np.repeat(np.arange(len(sizes)), sizes),
        items=_concatenate([g.items for g in grams.values()], np.int64),
        codes=_concatenate([g.codes for g in grams.values()], np.uint8),
        field_lengths=lengths,
        totals=np.bincount(fields, minlength=int(firsts[-1])),
    )


def _concatenate(arrays: list[npt.NDArray[Any]], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype)


@njit
def block_filter(values: npt.NDArray[np.uint64], blocks: int) -> npt.NDArray[np.uint64]:
    """A set of values as uint64 [blocks], a power of two: each value sets up to three bits of one block."""
    out = np.zeros(blocks, np.uint64)
    for value in values:
        out[filter_block(value, blocks)] |= filter_bits(value)
    return out


@njit(inline="always")  # type: ignore[untyped-decorator]
def filter_block(value: np.uint64, blocks: int) -> np.uint64:
    """The block that holds a value."""
    return (value >> np.uint64(20)) & np.uint64(blocks - 1)


@njit(inline="always")  # type: ignore[untyped-decorator]
def filter_bits(value: np.uint64) -> np.uint64:
    """The bits of its block that a value sets. One look into memory answers; about 1% of absent values pass."""
    one = np.uint64(1)
    six = np.uint64(63)
    return one << (value & six) | one << (value >> np.uint64(6) & six) | one << (value >> np.uint64(12) & six)


def _filter(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    blocks = 1 << max(10, (len(values) * _FILTER_BITS_PER_GRAM // 64).bit_length())
    return np.asarray(block_filter(values, blocks))
