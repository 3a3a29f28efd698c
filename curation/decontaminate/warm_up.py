"""Compile the kernels of the decontaminate step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from midmix.curation.decontaminate.confirm import confirm
from midmix.curation.decontaminate.find import build_index, find_leaks_in
from midmix.curation.decontaminate.tokens import tokenize
from midmix.tables import EVALUATION_ITEMS, TEXT

_TEXT = "Anna² has twenty-five apples & sells 3.50 of them <b>to</b> Bertil \\frac12 ** 3 for 12 a piece; how many are left?"
_CODE = "def f(x):\n    y = 'a' + x.b[0] * 12\n    for z in range(len(y)):\n        y -= [z, x]\n    return y\n"


def warm_up() -> None:
    """Find an item in a text."""
    item: dict[str, Any] = dict.fromkeys(EVALUATION_ITEMS.schema().names)
    item |= {"set": "s", "role": "benchmark", "item": 0, "question": _TEXT, "answer": _CODE}
    index = build_index(pa.Table.from_pylist([item], EVALUATION_ITEMS.schema()), ngrams=(3, 5))
    texts = pa.array([_TEXT, _CODE], TEXT)
    find_leaks_in(texts, index)
    assert index.alignment is not None
    offsets, tokens = tokenize(texts)
    confirm(np.array([[0, 0, 9, 0, 0, 9]], np.int64), offsets, tokens, index.alignment.lookup)
