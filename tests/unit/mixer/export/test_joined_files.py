"""The files of joined shards: the shards' bytes end to end, under an index of all their documents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from midmix.disk import sha256_of
from midmix.mixer.export.joined_files import joined_files
from midmix.mixer.plan.indexed import read_index, read_lengths
from midmix.mixer.plan.joined import find_joints
from midmix.mixer.plan.manifest import Plan

TokenFilesOf = Callable[[Plan], dict[str, Path]]


def test_a_joint_holds_its_shards_end_to_end(plan: Plan, token_files: TokenFilesOf, tmp_path: Path) -> None:
    files = token_files(plan)  # token k of shard n is 100 n + k: math 17 and 8, web 81 and 41
    with joined_files(plan, find_joints(plan), files, tmp_path / "joined") as (joined, found):
        (shard,) = joined.domain("math").shards
        path = found[shard.bin.name]
        assert np.fromfile(path, "<u2").tolist() == [*range(17), *range(100, 108)]
        assert read_lengths(found[shard.idx.name]).tolist() == [4, 4, 4, 4, 1, 4, 4]
        index = read_index(found[shard.idx.name], path)
        assert (index.dtype, index.documents, index.tokens) == ("uint16", 7, 25)
        assert [f.sha256 for f in (shard.bin, shard.idx)] == [sha256_of(found[f.name]) for f in (shard.bin, shard.idx)]
        assert shard.bin.bytes == path.stat().st_size
        assert {name: found[name] for name in files} == files
    assert not (tmp_path / "joined").exists()


def test_nothing_is_left_of_an_export_that_fails(plan: Plan, token_files: TokenFilesOf, tmp_path: Path) -> None:
    with (
        pytest.raises(OSError, match="full"),
        joined_files(plan, find_joints(plan), token_files(plan), tmp_path / "joined"),
    ):
        raise OSError("full")
    assert not (tmp_path / "joined").exists()


def test_where_nothing_is_small_the_plan_is_as_it_is(
    make_plan: Callable[..., Plan], token_files: TokenFilesOf, tmp_path: Path
) -> None:
    plan = make_plan({"web": [801, 801]}, {"web": 1_000_000}, tokens=80)
    files = token_files(plan)
    with joined_files(plan, find_joints(plan), files, tmp_path / "joined") as (joined, found):
        assert joined is plan and found == files
        assert not (tmp_path / "joined").exists()
