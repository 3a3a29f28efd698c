"""XXH64 of eight runs of bytes at once against xxhash, and shingles whose bytes are more than that takes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.dedup.lanes import EIGHT, LONGEST, put_eight
from midmix.curation.dedup.parameters import SignatureSettings
from midmix.curation.dedup.shingles import shingle
from midmix.jit import njit
from midmix.tables import TEXT

SETTINGS = SignatureSettings(profile="prose", ngram=2, bands=2, rows=2, seed=1)


@njit
def _put(text, starts, ends, out):  # type: ignore[no-untyped-def]
    return put_eight(text, starts, ends, out)


@given(st.binary(min_size=250, max_size=250), st.lists(st.integers(0, 80), min_size=EIGHT, max_size=EIGHT))
def test_eight_hashes_are_those_of_xxhash(data: bytes, lengths: list[int]) -> None:
    text = np.frombuffer(data, np.uint8)
    starts = np.arange(0, 13 * EIGHT, 13, dtype=np.uint32)
    ends, out = starts + np.array(lengths, np.uint32), np.zeros(EIGHT, np.uint64)
    long = _put(text.ctypes.data, starts.ctypes.data, ends.ctypes.data, out.ctypes.data)
    assert [bool(long >> i & 1) for i in range(EIGHT)] == [length > LONGEST for length in lengths]
    for start, length, found in zip(starts.tolist(), lengths, out.tolist(), strict=True):
        assert length > LONGEST or found == xxhash.xxh64_intdigest(data[start : start + length])


@given(st.lists(st.integers(1, 90), max_size=30))
def test_shingles_of_words_of_any_length(lengths: list[int]) -> None:
    words = [chr(ord("a") + i % 26) * length for i, length in enumerate(lengths)]
    pairs = [" ".join(words[i : i + 2]) for i in range(len(words) - 1)]
    found = shingle(pa.array([" ".join(words)], TEXT), SETTINGS).hashes.tolist()
    assert found == list(dict.fromkeys(xxhash.xxh64_intdigest(pair) for pair in pairs))
