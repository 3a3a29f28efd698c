"""Tokens of any text: places, pieces, and that nothing but the text matters."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.clean import text_buffers
from midmix.curation.decontaminate.notation import notation
from midmix.curation.decontaminate.tokens import AT, MOST_AT_ONCE, STATE_SLOTS, Tokens, empty_tokens, scan, tokenize
from midmix.tables import TEXT

PIECES = st.sampled_from(
    [
        *"ab Xé²½√π{}\\<>&*+-=/%^!.,0159_$()\n\t",
        "\\frac",
        "\\over",
        "\\binom",
        "twenty",
        "-five",
        "<b>",
        "<<",
        ">>",
        "**",
        "&lt;",
        "日",
        "𝔸",
    ]
)
TEXTS = st.lists(PIECES, max_size=60).map("".join)


def tokens_of(text: str) -> Tokens:
    return tokenize(pa.array([text], TEXT))[1]


@given(TEXTS)
def test_places_ascend_and_end_on_characters(text: str) -> None:
    tokens = tokens_of(text)
    data = text.encode()
    assert (tokens.begins <= tokens.ends).all()
    assert (np.diff(tokens.begins) >= 0).all()
    for begin, end in zip(tokens.begins, tokens.ends, strict=True):
        data[begin:end].decode()
    assert len(tokens.hashes) <= 2 * len(data)


@given(TEXTS, TEXTS, TEXTS)
def test_neighbours_do_not_matter(before: str, text: str, behind: str) -> None:
    offsets, tokens = tokenize(pa.array([before, text, behind], TEXT))
    alone = tokens_of(text)
    assert tokens.hashes[offsets[1] : offsets[2]].tolist() == alone.hashes.tolist()
    assert (tokens.begins[offsets[1] : offsets[2]] - len(before.encode())).tolist() == alone.begins.tolist()


@given(TEXTS, st.integers(1, 9))
def test_reading_in_pieces_changes_nothing(text: str, size: int) -> None:
    bounds, data = text_buffers(pa.array([text], TEXT))
    state, out = np.zeros(STATE_SLOTS, np.int64), empty_tokens(2 * len(text.encode()) + MOST_AT_ONCE + size)
    n = 0
    while state[AT] < bounds[1]:
        n = scan(data, bounds[0], bounds[1], n, n + size, state, out, notation())
    for column, whole in zip(out, tokens_of(text), strict=True):
        assert column[:n].tolist() == whole.tolist()
