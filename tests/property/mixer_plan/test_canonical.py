"""JSON laid out from its canonical form is what the library lays out, whatever stands in it and wherever blocks end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midmix.mixer.plan import canonical
from midmix.mixer.plan.canonical import compact, indented

TEXT = st.text(alphabet='ab"\\{}[],: \n\u00e9\u2028/')
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))


@given(value=VALUES, block=st.sampled_from([1, 2, 3, 7, 1 << 20]))
def test_layout_is_that_of_the_library(value: Any, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canonical, "BLOCK", block)
        laid_out = b"".join(indented(compact(value)))
    assert laid_out == json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).encode()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        compact({"a": number})
