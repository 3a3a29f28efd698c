"""A batch on disk: each call has one rank, reports survive what kills ranks, and a closed batch says so."""

import os
import stat
from pathlib import Path

import pytest

from midmix.execution.batch import CLOSED, CLOSING, OPEN, Batch, Report, end_late_ranks, file_report


def make(state: Path, num_calls: int = 5, num_ranks: int = 2) -> Batch:
    return Batch.create(state, os.mkdir, [(f"folder-{i}",) for i in range(num_calls)], num_ranks, debug=False)


def test_every_call_has_one_rank_and_comes_back_as_it_was_given(tmp_path: Path) -> None:
    batch = make(tmp_path)
    assert batch.calls(0) == [(0, os.mkdir, ("folder-0",)), (2, os.mkdir, ("folder-2",)), (4, os.mkdir, ("folder-4",))]
    assert batch.calls(1) == [(1, os.mkdir, ("folder-1",)), (3, os.mkdir, ("folder-3",))]
    assert batch.unreported(1) == [1, 3]


def test_no_two_batches_share_a_folder_and_none_is_open_to_others(tmp_path: Path) -> None:
    batches = [make(tmp_path) for _ in range(3)]
    assert len({batch.folder for batch in batches}) == 3
    assert [stat.S_IMODE(batch.folder.stat().st_mode) for batch in batches] == [0o700] * 3


def test_reports_are_read_once_and_half_a_line_not_at_all(tmp_path: Path) -> None:
    batch, path = make(tmp_path), tmp_path / "written"
    path.touch()
    first, second = file_report(0, [path]), Report(2, error=("ConfigError", "two\nlines: ü"))
    batch.report(0, first)
    reports, offset = batch.reports(0, 0)
    assert reports == [first] and first.files == ((str(path), path.stat().st_mtime_ns),)
    with (batch.folder / "00000.report").open("a") as stream:
        stream.write('\n{"call": 4, "fi')  # a rank that was killed as it wrote
    assert batch.reports(0, offset)[0] == []
    batch.report(0, second)
    assert batch.reports(0, offset)[0] == [second]
    assert batch.reports(1, 0)[0] == []
    assert batch.unreported(0) == [4]


def test_a_batch_is_open_then_closing_then_closed_for_good(tmp_path: Path) -> None:
    batch = make(tmp_path)
    assert batch.state() == OPEN
    batch.end_softly()
    assert batch.state() == CLOSING
    batch.close()
    batch.end_softly()
    assert batch.state() == CLOSED
    batch.remove()
    assert not batch.folder.exists() and batch.state() == CLOSED


def test_what_a_killed_run_left_is_closed_and_taken_out_of_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "scancel").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/cancelled\n')
    (commands / "scancel").chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    by_slurm, by_ray = make(tmp_path), make(tmp_path)
    (by_slurm.folder / "slurm").mkdir()
    end_late_ranks(tmp_path)
    assert by_slurm.state() == by_ray.state() == CLOSED
    assert list((tmp_path / "jobs").iterdir()) == []
    assert (tmp_path / "cancelled").read_text() == f"--quiet --name={by_slurm.name}\n"
    end_late_ranks(tmp_path / "never-run")
