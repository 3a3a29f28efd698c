"""Words, shingles, frames and Jaccard against plain Python, on any text."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given
from hypothesis import strategies as st

from midmix.config.dedup import Profile
from midmix.curation.dedup.overlap import jaccards
from midmix.curation.dedup.parameters import SignatureSettings, Unit
from midmix.curation.dedup.shingles import shingle
from midmix.curation.dedup.signatures import sign
from midmix.tables import TEXT

# Text in which spaces, digits and the first bytes of white-space characters are common.
TEXTS = st.lists(
    st.text(
        st.one_of(
            st.sampled_from(" \n\t\x1c\u00a0\u2003\u2028\u3000\u1680\u20ac\u3042\u1e00Åaé.,0123456789"),
            st.characters(codec="utf-8"),
        )
    ),
    min_size=1,
    max_size=6,
)


def word_shingles(text: str, ngram: int) -> set[tuple[str, ...]]:
    [lower] = pc.utf8_lower(pa.array([text], TEXT)).to_pylist()
    words = lower.split()
    return {tuple(words[i : i + ngram]) for i in range(len(words) - ngram + 1)}


@given(TEXTS, st.integers(1, 6))
def test_counts_and_jaccards(texts: list[str], ngram: int) -> None:
    found = shingle(pa.array(texts, TEXT), SignatureSettings(ngram=ngram, bands=1, rows=1, seed=1))
    sets = [word_shingles(text, ngram) for text in texts]
    assert found.num_words.tolist() == [len(text.split()) for text in texts]
    assert np.diff(found.offsets).tolist() == [len(s) for s in sets]
    pairs = [(a, b) for a in range(len(texts)) for b in range(len(texts))]
    expected = [len(sets[a] & sets[b]) / len(sets[a] | sets[b]) if sets[a] | sets[b] else 0.0 for a, b in pairs]
    assert jaccards(found, np.array(pairs)).tolist() == expected


@given(TEXTS, st.sampled_from(get_args(Profile)), st.sampled_from(get_args(Unit)), st.data())
def test_signatures_do_not_depend_on_where_a_part_is_cut(
    texts: list[str], profile: Profile, unit: Unit, data: st.DataObject
) -> None:
    settings = SignatureSettings(profile=profile, unit=unit, ngram=2, bands=4, rows=2, seed=1)
    column = pa.array(texts, TEXT)
    keys = np.arange(len(texts), dtype=np.uint64)
    cut = data.draw(st.integers(0, len(texts)))
    whole = sign(keys, column, settings)
    pieces = [sign(keys[:cut], column[:cut], settings), sign(keys[cut:], column[cut:], settings)]
    assert pa.concat_tables([piece.rows for piece in pieces]).equals(whole.rows)
    assert np.array_equal(np.concatenate([piece.bands for piece in pieces]), whole.bands)
    assert np.array_equal(np.concatenate([piece.banded for piece in pieces]), whole.banded)
    assert whole.rows["num_shingles"].to_pylist() == np.diff(shingle(column, settings).offsets).tolist()
