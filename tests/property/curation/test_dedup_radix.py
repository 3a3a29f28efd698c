"""Radix sorting equals NumPy's, for any 64-bit numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from midmix.curation.dedup.radix import number_distinct, sort_keys, sorted_distinct

WHOLE = st.integers(-(2**63), 2**63 - 1)
FEW = st.sampled_from([-(2**55), -1, 0, 1, 2**11, 2**22 + 5, 2**55 - 1])


@given(st.one_of(st.lists(WHOLE, max_size=50), st.lists(FEW, max_size=300)))
@settings(deadline=None, max_examples=200)
def test_as_numpy(numbers: list[int]) -> None:
    keys = np.array(numbers, np.int64)
    order, ordered = sort_keys(keys)
    expected = np.argsort(keys, kind="stable")
    assert (order.tolist(), ordered.tolist()) == (expected.tolist(), keys[expected].tolist())
    distinct, places = np.unique(keys, return_inverse=True)
    assert sorted_distinct(keys).tolist() == distinct.tolist()
    assert [a.tolist() for a in number_distinct(keys)] == [distinct.tolist(), places.tolist()]
    assert keys.tolist() == numbers
