"""Compile the kernels of the decide step."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from midmix.curation.decide.edges import EXACT, NEAR, TEMPLATE, URL, Pairs
from midmix.curation.decide.one_pass import WITHIN, Policies
from midmix.curation.decide.survivors import Candidates, choose_survivors
from midmix.curation.decide.templates import TemplatePolicy
from midmix.curation.dedup.exchange import Workspace


def warm_up() -> None:
    """Choose among five documents that are related in every way."""
    ordinals = np.arange(5)
    relation = np.array([EXACT, NEAR, URL, TEMPLATE], np.uint8)
    pairs = Pairs(ordinals[1:], np.zeros(4, np.int64), relation, np.ones(4), np.ones(4))
    policies = Policies(np.array([WITHIN], np.int8), np.ones(1, np.int64))
    given = Candidates(
        ordinals.astype(np.int32), np.ones(5, np.bool_), np.zeros(5, np.int32), policies, set(relation), lambda: [pairs]
    )
    templates = TemplatePolicy(cap=1, exponent=0.5, content_hashes=lambda: np.zeros(5, np.uint64))
    with tempfile.TemporaryDirectory() as folder:
        choose_survivors(given, Workspace(Path(folder), 1 << 20), templates)
