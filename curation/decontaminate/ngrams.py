"""The exact layer, as published recipes declare it: n-grams of words of each field, whatever else the text says.

A field of fewer than n words has none and cannot be found. N-grams that more than MOST_ITEMS items of a set share tell
nothing of an item and are ignored, unless the item has no other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.decontaminate.bit_filter import bit_filter
from midmix.curation.decontaminate.fields import DOCSTRING, PROSE, Field, field_texts, item_fields
from midmix.curation.decontaminate.words import mix, word_hashes
from midmix.jit import njit

MOST_ITEMS = 64
# Multiplier of rolling hashes: prefix' = prefix * BASE + word.
BASE = np.uint64(0xD6E8FEB86659FD93)


@dataclass(frozen=True)
class SetGrams:
    """N-grams of one set, distinct within their field, sorted by (hash, field).

    hashes: uint64; tails: uint64, hash of the last `shortest` words, what texts are first looked up by; of_field:
    int64, place in `fields`; num_words: int64, words of each field.
    """

    name: str
    n: int
    shortest: int
    fields: list[Field]
    num_words: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.uint64]
    tails: npt.NDArray[np.uint64]
    of_field: npt.NDArray[np.int64]


@dataclass(frozen=True)
class NgramIndex:
    """What texts are searched with. Fields of all (set, n) are numbered through as entries.

    hashes: uint64 [k], distinct n-grams, ascending; starts: int64 [k + 1] into entries: int64; lengths: int64, every n,
    ascending; tail_filter, gram_filter: see bit_filter; entry_grams, entry_fields: int64 [entries], place in `grams`
    and in its fields; totals: int64, distinct n-grams of an entry.
    """

    grams: tuple[SetGrams, ...]
    hashes: npt.NDArray[np.uint64]
    starts: npt.NDArray[np.int64]
    entries: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    tail_filter: npt.NDArray[np.uint64]
    gram_filter: npt.NDArray[np.uint64]
    entry_grams: npt.NDArray[np.int64]
    entry_fields: npt.NDArray[np.int64]
    totals: npt.NDArray[np.int64]


@njit(inline="always")
def gram_hash(rolling, length):  # type: ignore[no-untyped-def]
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
def _field_grams(offsets, words, length, shortest, base, hashes, tails, fields):  # type: ignore[no-untyped-def]
    """Write every n-gram of every field; the number written."""
    power = powers(base, max(shortest, length) + 1)
    filled = 0
    for field in range(offsets.size - 1):
        rolling, tail = np.uint64(0), np.uint64(0)
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


def ngram_fields(items: pa.Table) -> list[Field]:
    """The fields that n-grams are taken of: all but those that are a part of another."""
    return [field for field in item_fields(items) if field.code not in (DOCSTRING, PROSE)]


def set_grams(name: str, items: pa.Table, n: int, shortest: int) -> SetGrams:
    """N-grams of one set's rows of EVALUATION_ITEMS that tell an item, looked up by their last `shortest` words."""
    fields = ngram_fields(items)
    offsets, words = word_hashes(field_texts(fields))
    hashes, tails = np.empty(len(words), np.uint64), np.empty(len(words), np.uint64)
    of_field = np.empty(len(words), np.int64)
    count = _field_grams(offsets, words, n, shortest, BASE, hashes, tails, of_field)
    hashes, tails, of_field = hashes[:count], tails[:count], of_field[:count]
    order = np.lexsort((of_field, hashes))
    order = order[_changes(hashes[order], of_field[order])]
    hashes, tails, of_field = hashes[order], tails[order], of_field[order]
    kept = _telling(hashes, np.array([field.row for field in fields], np.int64)[of_field])
    return SetGrams(name, n, shortest, fields, np.diff(offsets), hashes[kept], tails[kept], of_field[kept])


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


def combine_grams(grams: Sequence[SetGrams]) -> NgramIndex:
    """One index over several sets and lengths, for one pass over the texts."""
    sizes = [len(g.fields) for g in grams]
    firsts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    hashes = np.concatenate([g.hashes for g in grams])
    entries = np.concatenate([g.of_field + first for g, first in zip(grams, firsts, strict=False)])
    order = np.lexsort((entries, hashes))
    opens = np.flatnonzero(_changes(hashes[order]))
    return NgramIndex(
        grams=tuple(grams),
        hashes=hashes[order][opens],
        starts=np.append(opens, len(order)).astype(np.int64),
        entries=entries[order],
        lengths=np.unique([g.n for g in grams]).astype(np.int64),
        tail_filter=bit_filter(np.concatenate([g.tails for g in grams])),
        gram_filter=bit_filter(hashes),
        entry_grams=np.repeat(np.arange(len(sizes)), sizes),
        entry_fields=np.concatenate([np.arange(size) for size in sizes]),
        totals=np.bincount(entries, minlength=int(firsts[-1])),
    )


def ngram_index(sets: Collection[tuple[str, pa.Table, int]]) -> NgramIndex:
    """The index of (name, rows of EVALUATION_ITEMS, n)."""
    shortest = min(n for _, _, n in sets)
    return combine_grams([set_grams(name, items, n, shortest) for name, items, n in sets])
