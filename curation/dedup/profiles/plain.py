"""The profile `plain`: lower-cased, words split at Unicode white space (str.split), nothing else changed."""

from __future__ import annotations

from midmix.curation.dedup.profiles.batch import Batch
from midmix.curation.dedup.profiles.characters import table
from midmix.curation.dedup.profiles.cutting import lay_out_batch, put_places
from midmix.curation.dedup.vectors import BLOCK, beyond, spaces
from midmix.curation.score.words.memory import get64, put64, shift_right
from midmix.jit import njit


def cut(batch: Batch) -> None:
    """Fill the tokens of a batch."""
    bounds = lay_out_batch(batch, table(lower=True, symbols=False), lower=True)
    _cut(batch.text, bounds, batch.documents, batch.starts, batch.ends, batch.firsts)


@njit
def _cut(text, bounds, documents, starts, ends, firsts):  # type: ignore[no-untyped-def]
    count = closed = 0
    for document in range(documents):
        put64(firsts, document, count)
        at, stop = get64(bounds, document), get64(bounds, document + 1)
        outside = 1
        while at < stop:
            space = spaces(text + at) | beyond(stop - at)
            before = space << 1 | outside
            outside = shift_right(space, BLOCK - 1)
            count = put_places(~space & before, at, starts, count)
            closed = put_places(space & ~before, at, ends, closed)
            at += BLOCK
    put64(firsts, documents, count)
