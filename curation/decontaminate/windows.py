"""Windows of tokens that are embedded: as long as the items that are looked for, to a factor of two.

Embeddings tell little of a sentence in a long page, so a text is cut anew for every length of window that some item
needs. A window of SIZES[k] tokens starts every half of that; an item stands in one of them but for a quarter.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.tables import TEXT

# Tokens. A sentence model reads a few hundred tokens of its own at most.
SIZES = (32, 64, 128)
Spans = npt.NDArray[np.int64]


def size_for(length: int) -> int:
    """The size of the windows in which an item of so many tokens is looked for."""
    return next((size for size in SIZES if length <= size), SIZES[-1])


def text_windows(offsets: npt.NDArray[np.int64], size: int) -> Spans:
    """int64 [n, 3]: text, first token, token after the last of every window of texts whose tokens lie at `offsets`."""
    found = [np.zeros((0, 3), np.int64)]
    for text, (start, end) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
        if start < end:
            firsts = np.arange(start, max(start + 1, end - size // 2), size // 2)
            found.append(np.column_stack([np.full(len(firsts), text), firsts, np.minimum(firsts + size, end)]))
    return np.concatenate(found)


def item_spans(first: int, last: int) -> list[tuple[int, int]]:
    """(first token, token after the last) of what is embedded of an item: all of it, or its pieces of the last size."""
    most = SIZES[-1]
    firsts = range(first, last - most, most) if last - first > most else range(0)
    return [*((at, at + most) for at in firsts), (max(first, last - most), last)]


def span_texts(data: npt.NDArray[np.uint8], begins: Spans, ends: Spans, first: Spans, last: Spans) -> pa.Array:
    """The text of each span of tokens, whose bytes begin and end at `begins` and `ends`."""
    found = [data[begins[f] : ends[k - 1]].tobytes().decode() for f, k in zip(first, last, strict=True)]
    return pa.array(found, TEXT)
