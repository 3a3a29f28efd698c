"""Compile the kernels of the dedup step."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from midmix.curation.dedup.candidates import pair_up
from midmix.curation.dedup.exchange import Workspace
from midmix.curation.dedup.shingles import shingle
from midmix.curation.dedup.signatures import SignatureSettings, sign
from midmix.curation.dedup.survivors import Pairs, choose_survivors
from midmix.curation.dedup.verify import jaccards
from midmix.tables import TEXT


def warm_up() -> None:
    """Compare two texts, and choose between them."""
    keys = np.arange(2, dtype=np.uint64)
    texts = pa.array(["one two 3\u00a0four", "one two 4 four five"], TEXT)
    sign(keys, texts, SignatureSettings(ngram=2, bands=2, rows=2, seed=1))
    shingles = shingle(texts, 2)
    jaccards(shingles, np.array([[1, 0]]))
    ordinals = np.arange(2)
    pair_up(ordinals, np.zeros(2, np.int64), 0, 2, np.ones(2, np.int32), ordinals, 0.5, np.empty((2, 2), np.int64))
    pairs = Pairs(ordinals[1:], ordinals[:1], np.ones(1), np.zeros(1, np.bool_))
    with tempfile.TemporaryDirectory() as folder:
        choose_survivors(ordinals, np.ones(2, np.bool_), lambda: [pairs], Workspace(Path(folder), 1 << 20))
