"""A rank and the process that does its calls: environment, deaths, and ends, in real processes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import midmix
from midmix.execution.batch import Batch
from midmix.execution.rank import Rank
from midmix.execution.warm import warm_mark


@pytest.fixture(autouse=True)
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranks find a cache of kernels that is said to be full, and midmix where this process has it."""
    from midmix import jit

    monkeypatch.setenv("MIDMIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(Path(midmix.__file__).parents[1]))
    jit.cache_folder.cache_clear()
    mark = warm_mark()
    jit.cache_folder.cache_clear()
    mark.touch()


def batch_of(state: Path, *commands: str) -> Batch:
    """One rank that calls the shell."""
    function: Callable[..., Any] = subprocess.call
    return Batch.create(state, function, [(["/bin/sh", "-c", c],) for c in commands], 1, debug=False)


def errors(batch: Batch) -> list[tuple[int, str]]:
    return [(report.call, report.error[1]) for report in batch.reports(0, 0)[0] if report.error]


def test_calls_see_one_thread_per_library_and_the_folder_of_the_run(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, f"echo $OMP_NUM_THREADS $POLARS_MAX_THREADS $PWD > {tmp_path}/seen")
    Rank(str(batch.folder))(None, 0, 1)
    assert (tmp_path / "seen").read_text().split() == ["1", "1", os.getcwd()]
    assert errors(batch) == [] and batch.unreported(0) == []


def test_a_process_that_is_killed_is_reported_by_the_rank_that_survives_it(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, "true", "kill -9 $PPID", "true")
    with pytest.raises(RuntimeError, match="rank 0 of 1 failed"):
        Rank(str(batch.folder))(None, 0, 1)
    ((call, message),) = errors(batch)
    assert call == 1
    assert "rank 0 on " in message and "(SIGKILL), most likely for memory. Raise mem_per_cpu_gb" in message


def test_a_closed_batch_ends_its_processes_at_once(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, f"touch {tmp_path}/begun; sleep 60")
    command = [sys.executable, "-c", f"from midmix.execution.rank import Rank; Rank({str(batch.folder)!r})(None, 0, 1)"]
    rank = subprocess.Popen(command)
    while not (tmp_path / "begun").exists():
        assert rank.poll() is None
        time.sleep(0.05)
    start = time.monotonic()
    batch.remove()
    assert rank.wait(20) == 0 and time.monotonic() - start < 20
    Rank(str(batch.folder))(None, 0, 1)  # one that starts late leaves at once


def test_a_node_with_another_midmix_does_nothing(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, f"touch {tmp_path}/begun")
    header = batch.folder / "batch.json"
    header.write_text(json.dumps(json.loads(header.read_text()) | {"midmix": "0.0.1"}))
    with pytest.raises(RuntimeError):
        Rank(str(batch.folder))(None, 0, 1)
    ((call, message),) = errors(batch)
    assert call == 0 and f"has midmix {midmix.__version__}" in message and "the run midmix 0.0.1" in message
    assert not (tmp_path / "begun").exists()


def test_a_node_that_does_not_share_the_folder_says_so(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, "true")
    header = batch.folder / "batch.json"
    header.write_text(json.dumps(json.loads(header.read_text()) | {"cwd": "/only/there"}))
    with pytest.raises(RuntimeError):
        Rank(str(batch.folder))(None, 0, 1)
    assert "/only/there: no such folder on " in errors(batch)[0][1]
