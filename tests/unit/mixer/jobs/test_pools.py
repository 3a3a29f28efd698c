"""Parts of a domain's text: the heads of its shards, whole documents, at least what was asked for, in few files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from midmix.disk import sha256_of
from midmix.mixer.jobs import pools
from midmix.mixer.jobs.pools import Cutter
from midmix.mixer.plan.indexed import read_index, read_lengths


@pytest.fixture
def cutter(files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cutter:
    """Shards of fewer than 2 sequences are small."""
    monkeypatch.setattr(pools, "SMALL_SEQUENCES", 2)
    return Cutter("uint16", files.lengths, files.paths, tmp_path / "pools")


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


def test_small_shards_are_one_file_and_the_others_stay(files: Any, cutter: Cutter) -> None:
    whole = files.domain("web", 3, 40, 2, 4, 1)  # 15, 200, 10, 20 and 5 tokens; small is below 20
    domain = cutter.pool(whole, Fraction(1), 10)
    assert [(s.index, s.tokens, s.documents) for s in domain.shards] == [(0, 30, 6), (1, 200, 40), (3, 20, 4)]
    assert (domain.tokens, domain.documents, domain.sources) == (whole.tokens, whole.documents, whole.sources)
    joined = domain.shards[0]
    path = cutter.paths[joined.bin.name]
    assert np.fromfile(path, "<u2").tolist() == [*range(15), *range(10), *range(5)]
    assert (joined.bin.sha256, joined.bin.bytes) == (sha256_of(path), 60)
    assert read_lengths(cutter.paths[joined.idx.name]).tolist() == [5] * 6
    assert cutter.pool(files.domain("code", 3, 40), Fraction(1), 8).shards[0].bin.name == "code/0.bin"  # one alone


def test_small_shards_of_every_part_are_a_file_of_their_own(files: Any, cutter: Cutter) -> None:
    whole = files.domain("web", 2, 30, 1, 40, 3, 50)  # 10, 150, 5, 200, 15 and 250 tokens
    shares = [Fraction(tokens, 630) for tokens in (300, 379, 384, 389)]  # with one and two documents of the last shard
    parts = [cutter.pool(whole, share, 8) for share in shares]
    assert [[(s.index, s.tokens) for s in part.shards] for part in parts] == [
        [(0, 15), (1, 150), (3, 135)], [(0, 15 + 15), (1, 150), (3, 200)],
        [(0, 15 + 15 + 5), (1, 150), (3, 200)], [(0, 15 + 15 + 10), (1, 150), (3, 200)],
    ]  # fmt: skip
    for part, counted in zip(parts, ((10, 5), (10, 5, 15), (10, 5, 15, 5), (10, 5, 15, 10)), strict=True):
        ids = np.fromfile(cutter.paths[part.shards[0].bin.name], "<u2").tolist()
        assert ids == [i for tokens in counted for i in range(tokens)]


def test_small_token_files_that_came_with_the_run_stay_apart(files: Any, cutter: Cutter) -> None:
    given = files.domain("past", 3, 2).model_copy(update={"max_epochs_reason": "token_files.past"})
    assert cutter.pool(given, Fraction(1), 8) is given
