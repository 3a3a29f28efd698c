"""The search by embeddings: windows of texts, the items nearest to each, and those that words and numbers confirm.

What is found of a set depends on no other set. Memory is of a batch of texts, of a run of windows, and of the items.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.clean import text_buffers
from midmix.curation.decontaminate.confirm import confirm
from midmix.curation.decontaminate.item_embeddings import FIRST, LAST, PIECE, SIZE, EmbeddedSet
from midmix.curation.decontaminate.tokens import Tokens, tokenize
from midmix.curation.decontaminate.windows import SIZES, Spans, span_texts, text_windows
from midmix.curation.dedup.shingles import text_batches
from midmix.curation.semantic.embed import Encoder, Vectors, directions, text_vectors

# Items that a window is compared with word for word: its nearest ones.
MOST_NEAREST = 8
# Bytes of text whose tokens, windows whose embeddings, and cosines that are held at once.
_TEXT_BYTES, _WINDOWS, _COSINES = 1 << 20, 4096, 1 << 22


@dataclass(frozen=True)
class EmbeddingIndex:
    """What texts are searched with: sets, and the model that embedded their items, which reads `max_tokens` tokens."""

    sets: tuple[EmbeddedSet, ...]
    encoder: Encoder
    max_tokens: int
    cosine: float


def nearest_items(windows: Vectors, items: Vectors, cosine: float) -> tuple[Spans, Spans]:
    """(window, item) of each window's MOST_NEAREST items of at least this cosine, by window, the nearest first."""
    from threadpoolctl import threadpool_limits

    rows, columns = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    step = max(1, _COSINES // max(1, len(items)))
    with threadpool_limits(1):
        for first in range(0, len(windows), step):
            row, column = _nearest(windows[first : first + step] @ items.T, cosine)
            rows.append(row + first)
            columns.append(column)
    return np.concatenate(rows), np.concatenate(columns)


def _nearest(cosines: Vectors, least: float) -> tuple[Spans, Spans]:
    """(row, column) of the MOST_NEAREST greatest of each row that are at least `least`; the first among equals."""
    limits = np.full((len(cosines), 1), least, np.float32)
    if cosines.shape[1] > MOST_NEAREST:
        limits = np.maximum(limits, np.partition(cosines, -MOST_NEAREST, axis=1)[:, -MOST_NEAREST, None])
    row, column = np.nonzero(cosines >= limits)
    order = np.lexsort((column, -cosines[row, column], row))
    row, column = row[order], column[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    return row[rank < MOST_NEAREST], column[rank < MOST_NEAREST]


def search_embeddings(
    texts: pa.LargeStringArray, index: EmbeddingIndex
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Places of items in texts, in no order, seen again from each window that has them.

    Rows int64 [n, 7]: text (its ordinal), set (its place in the index), piece, label, rule, first byte, byte after the
    last, in the text's own bytes; float64 [n]: share of the piece's weight that was found.
    """
    rows, shares = [np.zeros((0, 7), np.int64)], [np.zeros(0)]
    for some in text_batches(texts, _TEXT_BYTES):
        batch = texts.slice(some.start, some.stop - some.start)
        bounds, data = text_buffers(batch)
        offsets, tokens = tokenize(batch)
        for number, candidates in _candidates(index, data, offsets, tokens):
            found, share = confirm(candidates, offsets, tokens, index.sets[number].alignment.lookup)
            found[:, 4:] -= bounds[found[:, 0], None]
            found[:, 0] += some.start
            rows.append(np.insert(found, 1, number, axis=1))
            shares.append(share)
    return np.concatenate(rows), np.concatenate(shares)


def _candidates(
    index: EmbeddingIndex, data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], tokens: Tokens
) -> Iterator[tuple[int, Spans]]:
    """(set, candidates for `confirm`) of a batch, by runs of windows of each size that an item of some set needs."""
    for size in SIZES:
        mine = [np.flatnonzero(one.anchors[:, SIZE] == size) for one in index.sets]
        if not any(map(len, mine)):
            continue
        windows = text_windows(offsets, size)
        for first in range(0, len(windows), _WINDOWS):
            run = windows[first : first + _WINDOWS]
            said = span_texts(data, tokens.begins, tokens.ends, run[:, 1], run[:, 2])
            known, vectors = directions(text_vectors(index.encoder, said, index.max_tokens))
            for number, (one, chosen) in enumerate(zip(index.sets, mine, strict=True)):
                if len(chosen):
                    window, item = nearest_items(vectors, one.vectors[chosen], index.cosine)
                    yield number, _pairs(run[known][window], one, one.anchors[chosen[item]])


def _pairs(windows: Spans, one: EmbeddedSet, anchors: Spans) -> Spans:
    """Candidates for `confirm`: windows, each with what was embedded of a piece."""
    pieces = anchors[:, PIECE]
    starts = one.alignment.lookup.starts[pieces]
    return np.column_stack([windows, pieces, anchors[:, FIRST] - starts, anchors[:, LAST] - starts])
