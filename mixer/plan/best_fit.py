"""Best-fit packing: documents into rows of one length, cut only where they are longer than a row.

What fills whole rows of a longer document stands in rows of its own; documents and what remains of longer ones go, the
longest first, each into the row with the least room that still holds it (best-fit decreasing).
Source: Ding et al., Fewer Truncations Improve Language Modeling, arXiv 2404.10830.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from midmix.mixer.simplex import I64

# The document of a run that fills a row up.
PADDING = -1
# Tokens of runs that are gathered at a time.
BLOCK_TOKENS = 1 << 22


def _leaves(row_tokens: int) -> int:
    return 1 << int(row_tokens).bit_length()


def count_rows(lengths: I64, row_tokens: int) -> int:
    """Rows that `pack` makes of documents of `lengths` tokens, int64[documents]."""
    from midmix.mixer.plan.best_fit_kernels import count  # numba, 100 MiB that only packing needs

    counts = np.bincount(lengths % row_tokens, minlength=row_tokens)  # what is left over
    return int((lengths // row_tokens).sum() + count(counts.astype(np.int64), _leaves(row_tokens)))


def pack(lengths: I64, row_tokens: int, generator: np.random.Generator) -> I64:
    """Rows of `row_tokens` tokens, in an order by the generator, from documents of `lengths` tokens, int64[documents].

    Returns int64[runs, 3], runs in the order of the file: the document (PADDING where a row is filled up), the first
    token of it, and tokens. The runs of a row sum to `row_tokens`; within a row their order is the generator's too,
    runs of one token first and the padding last.
    """
    documents, firsts, sizes = _runs(lengths, row_tokens)
    row_of, rows = _rows_of_runs(sizes, row_tokens)
    room = row_tokens - np.bincount(row_of, sizes, rows).astype(np.int64)
    filled = np.flatnonzero(room)
    runs = np.stack(
        [
            np.concatenate([documents, np.full(len(filled), PADDING)]),
            np.concatenate([firsts, np.zeros(len(filled), np.int64)]),
            np.concatenate([sizes, room[filled]]),
        ],
        axis=1,
    )
    place = generator.permutation(rows)[np.concatenate([row_of, filled])]
    # A lone end-of-text id comes first: at the end of a row it could not be told from what fills the row up.
    within = np.concatenate([np.where(sizes == 1, -1.0, generator.random(len(sizes))), np.full(len(filled), 2.0)])
    return runs[np.lexsort((within, place))]


def _runs(lengths: I64, row_tokens: int) -> tuple[I64, I64, I64]:
    """Documents as runs of at most a row: document, first token and tokens of each, int64[runs]."""
    count = -(-lengths // row_tokens)
    documents = np.repeat(np.arange(len(lengths)), count)
    firsts = (np.arange(len(documents)) - np.repeat(np.cumsum(count) - count, count)) * row_tokens
    return documents, firsts, np.minimum(lengths[documents] - firsts, row_tokens)


def _rows_of_runs(sizes: I64, row_tokens: int) -> tuple[I64, int]:
    """The row of every run, int64[runs], and the number of rows."""
    from midmix.mixer.plan.best_fit_kernels import place

    order = np.argsort(-sizes, kind="stable")
    row_of = np.empty(len(sizes), np.int64)
    rows = place(sizes[order], row_tokens, _leaves(row_tokens), row_of)
    found = np.empty_like(row_of)
    found[order] = row_of
    return found, int(rows)


def run_blocks(sizes: I64) -> Iterator[slice]:
    """Runs of `sizes` tokens, int64[runs], in blocks of about BLOCK_TOKENS tokens, in order."""
    reached = np.cumsum(sizes)
    edges = np.searchsorted(reached, np.arange(BLOCK_TOKENS, reached[-1], BLOCK_TOKENS)) + 1
    for first, after in pairwise(np.unique([0, *edges, len(sizes)]).tolist()):
        yield slice(first, after)


def warm_up() -> None:
    """Compile the kernels of packing."""
    lengths = np.array([3, 1])
    pack(lengths, 2, np.random.default_rng(0))
    count_rows(lengths, 2)
