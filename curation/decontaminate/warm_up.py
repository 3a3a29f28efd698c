"""Compile the kernels of the decontaminate step."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from midmix.curation.decontaminate.index import build_index, set_grams
from midmix.curation.decontaminate.search import leaks
from midmix.tables import EVALUATION_ITEMS, TEXT


def warm_up() -> None:
    """Find an item in a text."""
    item = {"set": "s", "role": "benchmark", "item": 0, "question": None, "answer": "one two 3 é", "detectable": True}
    grams = set_grams(pa.Table.from_pylist([item], EVALUATION_ITEMS.schema()), 3, 2)
    leaks(np.zeros(1, np.uint64), pa.array(["one two 3 É"], TEXT), build_index({"s": grams}, 2), 3)
