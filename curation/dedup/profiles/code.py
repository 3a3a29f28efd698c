"""The profile `code`: case kept; names and numbers are tokens, and so is every other character; white space is nothing.

A name or number is a run of letters, digits and low lines, with dots between digits. A character beyond ASCII that is
neither letter nor mark is a token, as is every ASCII sign, so `==` is two: what joins signs to an operator is left to
the order of tokens.
"""

from __future__ import annotations

from midmix.curation.dedup.profiles.batch import Batch
from midmix.curation.dedup.profiles.characters import table
from midmix.curation.dedup.profiles.cutting import inner_dots, lay_out_batch, put_places
from midmix.curation.dedup.vectors import BLOCK, beyond, digits, letters, low_lines, spaces
from midmix.curation.score.words.memory import get64, put64, shift_right
from midmix.jit import njit


def cut(batch: Batch) -> None:
    """Fill the tokens of a batch."""
    bounds = lay_out_batch(batch, table(lower=False, symbols=True), lower=False)
    _cut(batch.text, bounds, batch.documents, batch.starts, batch.ends, batch.firsts)


@njit
def _cut(text, bounds, documents, starts, ends, firsts):  # type: ignore[no-untyped-def]
    count = closed = 0
    for document in range(documents):
        put64(firsts, document, count)
        at, stop = get64(bounds, document), get64(bounds, document + 1)
        in_name = sign_before = digit_before = 0
        while at < stop:
            past = beyond(stop - at)
            digit = digits(text + at) & ~past
            dot = inner_dots(text, at, digit, digit_before)
            name = (letters(text + at) | digit | low_lines(text + at) | dot) & ~past
            sign = ~(name | spaces(text + at) | past)
            before = name << 1 | in_name
            count = put_places(name & ~before | sign, at, starts, count)
            closed = put_places(before & ~name | sign << 1 | sign_before, at, ends, closed)
            in_name, sign_before = shift_right(name, BLOCK - 1), shift_right(sign, BLOCK - 1)
            digit_before = shift_right(digit, BLOCK - 1)
            at += BLOCK
    put64(firsts, documents, count)
