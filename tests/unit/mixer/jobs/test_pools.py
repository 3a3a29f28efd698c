"""Parts of a domain's text: the heads of its shards, whole documents, at least what was asked for."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from midmix.artifact import sha256_of
from midmix.mixer.jobs import pools
from midmix.mixer.jobs.pools import Cutter
from midmix.mixer.plan.indexed import read_index, read_lengths


@pytest.fixture
def cutter(files: Any, tmp_path: Path) -> Cutter:
    return Cutter("uint16", files.lengths, files.paths, tmp_path / "heads")


def test_all_of_a_domain_is_the_domain(files: Any, cutter: Cutter) -> None:
    domain = files.domain("web", 40, 60)
    assert cutter.pool(domain, Fraction(1), 8) is domain
    assert not cutter.folder.exists()


def test_a_part_is_whole_shards_and_the_head_of_the_next(files: Any, cutter: Cutter) -> None:
    part = cutter.pool(files.domain("web", 40, 60, 50), Fraction(1, 2), 8)
    # 375 of 750 tokens: the 200 of the first shard, and 35 documents of 5 of the second.
    assert [(s.index, s.tokens, s.documents) for s in part.shards] == [(0, 200, 40), (1, 175, 35)]
    assert (part.tokens, part.documents) == (375, 75)
    whole, head = part.shards
    assert whole.bin.name == "web/0.bin"
    path = cutter.paths[head.bin.name]
    assert np.fromfile(path, "<u2").tolist() == list(range(175))
    assert head.bin.sha256 == sha256_of(path) and head.bin.bytes == 350
    index = cutter.paths[head.idx.name]
    assert read_index(index, path).documents == 35
    assert read_lengths(index).tolist() == [5] * 35


def test_a_document_is_never_cut(files: Any, cutter: Cutter) -> None:
    part = cutter.pool(files.domain("web", 100), Fraction(403, 1000), 8)
    assert part.tokens == 205  # 201.5 tokens are asked for, documents have 5


def test_a_pool_keeps_enough_not_to_be_learnt_by_heart(
    files: Any, cutter: Cutter, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cutter.pool(files.domain("web", 100), Fraction(1, 100), 8).tokens == 130  # 16 sequences of 8 and a label
    small = files.domain("code", 12)
    assert cutter.pool(small, Fraction(1, 100), 8) is small
    monkeypatch.setattr(pools, "MINIMUM_SEQUENCES", 0)
    assert cutter.pool(files.domain("web", 100), Fraction(1, 100), 8).tokens == 5
