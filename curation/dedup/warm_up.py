"""Compile the kernels of the dedup step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from midmix.curation.dedup import radix
from midmix.curation.dedup.candidates import Bucketing, bucket_pairs
from midmix.curation.dedup.overlap import jaccards
from midmix.curation.dedup.places import FACTS
from midmix.curation.dedup.profiles import PROFILES
from midmix.curation.dedup.shingles import shingle
from midmix.curation.dedup.signatures import SignatureSettings, sign
from midmix.curation.dedup.stored import copy_sets
from midmix.tables import TEXT


def warm_up() -> None:
    """Compare two texts."""
    keys = np.arange(2, dtype=np.uint64)
    texts = pa.array(["one two 3\u00a0four", "one two 4 four five"], TEXT)
    settings = SignatureSettings(ngram=2, bands=2, rows=2, seed=1)
    for profile in PROFILES:
        sign(keys, texts, replace(settings, profile=profile))
    shingles = shingle(texts, settings)
    jaccards(shingles, np.array([[1, 0]]))
    copy_sets(shingles.hashes, shingles.offsets[:-1], shingles.offsets[1:], shingles.hashes.copy(), 0)
    ordinals = np.arange(2)
    radix.warm_up()
    list(bucket_pairs(np.zeros(2, np.int64), ordinals, ordinals, np.zeros(2, FACTS), Bucketing(0.5, 0)))
