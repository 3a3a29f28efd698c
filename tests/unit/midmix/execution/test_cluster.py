"""A batch on a cluster, which is threads here: done once, followed to its end, and told of in the words of its errors."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from midmix import task
from midmix.config.execution import Execution
from midmix.errors import ConfigError, StepError
from midmix.execution import cluster
from midmix.execution.batch import Batch, Report, end_late_ranks
from midmix.execution.cluster import ClusterPool, await_visible
from midmix.execution.rank import work_through
from midmix.progress import Progress


class Threads:
    """A backend and its job: every rank is a thread, unless it is one of those that die unheard."""

    name = "threads"

    def __init__(self, dying: Sequence[int] = (), max_ranks: int | None = None) -> None:
        self.dying, self.max_ranks = dying, max_ranks
        self.threads: list[threading.Thread] = []
        self.said: list[str] = []

    def submit(self, batch: Batch, num_ranks: int, at_once: int) -> "Threads":
        self.batch = batch
        self.said.append(f"submit {num_ranks} at {at_once}")
        ranks = [rank for rank in range(num_ranks) if rank not in self.dying]
        self.threads = [threading.Thread(target=work_through, args=(batch, rank)) for rank in ranks]
        for thread in self.threads:
            thread.start()
        return self

    def ended(self) -> str | None:
        return None if any(thread.is_alive() for thread in self.threads) else "2 OUT_OF_MEMORY"

    def drop_waiting(self) -> None:
        self.said.append("drop")

    def cancel(self) -> None:
        self.said.append("cancel")

    def close(self, *, kill: bool) -> None:
        self.said.append(f"close, kill={kill}")


class Beside:
    """The pool for small batches."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def map(self, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], **_: Any) -> None:
        self.calls += calls

    def __exit__(self, *_: object) -> None:
        self.calls.append("exit")


@pytest.fixture(autouse=True)
def ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """No kernels are compiled for these tests, and nobody waits for a network file system."""
    monkeypatch.setattr("midmix.execution.rank.warm_up_once", lambda: None)
    monkeypatch.setattr(cluster, "FIRST_POLL_SECONDS", 0.01)
    monkeypatch.setattr(cluster, "VISIBLE_SECONDS", 0.5)


def pool(folder: Path, backend: Threads, *, tasks: int = 3, local_calls: int = 1, debug: bool = False) -> ClusterPool:
    execution = Execution(backend="slurm", tasks=tasks, local_calls=local_calls)
    beside: Any = Beside()
    return ClusterPool(backend, beside, folder, Progress(folder, quiet=True), execution, workers=2, debug=debug)


def do(pool: ClusterPool, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> None:
    pool.map(function, calls, title="test: work", total=len(calls), sizes=[0] * len(calls))


def leave(path: Path) -> list[Path]:
    path.mkdir()  # fails where a call is done twice
    return [path]


def refuse(path: Path, number: int) -> None:
    time.sleep(0.2 if number == 2 else 0.05)
    if number == 2:
        raise ConfigError(f"number {number} is refused")
    leave(path / str(number))


def fail(path: Path) -> None:
    raise ZeroDivisionError(f"in {path.name}")


def test_every_call_is_done_once_and_nothing_is_left_of_the_batch(tmp_path: Path) -> None:
    backend = Threads()
    do(pool(tmp_path, backend), leave, [(tmp_path / f"made-{i}",) for i in range(7)])
    assert sorted(path.name for path in tmp_path.glob("made-*")) == [f"made-{i}" for i in range(7)]
    assert backend.said == ["submit 3 at 2"]
    assert list((tmp_path / "state" / "jobs").iterdir()) == []


def test_ranks_are_no_more_than_calls_nor_than_the_cluster_takes(tmp_path: Path) -> None:
    for count, limit, ranks in ((2, None, 2), (9, 4, 4), (9, None, 8)):
        backend = Threads(max_ranks=limit)
        do(pool(tmp_path, backend, tasks=8), leave, [(tmp_path / f"{count}-{limit}-{i}",) for i in range(count)])
        assert backend.said == [f"submit {ranks} at 2"]


def test_a_small_batch_is_done_beside_the_run(tmp_path: Path) -> None:
    backend = Threads()
    with pool(tmp_path, backend, local_calls=2) as both:
        do(both, leave, [("a",), ("b",)])
        do(both, leave, [])
    assert both.beside.calls == [("a",), ("b",), "exit"]  # type: ignore[attr-defined]
    assert backend.said == ["close, kill=False"]


def test_an_error_reaches_the_user_as_it_was_and_the_running_calls_are_kept(tmp_path: Path) -> None:
    backend = Threads()
    with pytest.raises(ConfigError, match=r"^number 2 is refused$"):
        do(pool(tmp_path, backend, tasks=3), refuse, [(tmp_path, i) for i in range(300)])
    assert "drop" in backend.said and backend.said[-1] == "cancel"
    done = {int(path.name) for path in tmp_path.iterdir() if path.name.isdecimal()}
    assert {0, 1} <= done and len(done) < 100  # calls that had not started were not started


def test_another_error_is_a_fault_and_debug_shows_where(tmp_path: Path) -> None:
    calls = [(tmp_path / name,) for name in ("a", "b")]
    with pytest.raises(StepError, match=r"ZeroDivisionError: in [ab]\. This is a fault.*--debug shows where"):
        do(pool(tmp_path, Threads()), fail, calls)
    with pytest.raises(StepError, match=r"(?s)rank \d on .*Traceback.*in fail.*ZeroDivisionError: in [ab]"):
        do(pool(tmp_path, Threads(), debug=True), fail, calls)


def test_ranks_that_die_unheard_are_missed_and_what_others_did_is_kept(tmp_path: Path) -> None:
    backend = Threads(dying=(1,))
    with pytest.raises(StepError, match=r"2 of 7 tasks were not done, .*: 2 OUT_OF_MEMORY\. .*Logs are in"):
        do(pool(tmp_path, backend), leave, [(tmp_path / f"made-{i}",) for i in range(7)])
    assert len(list(tmp_path.glob("made-*"))) == 5
    assert backend.batch.folder.exists()  # with its logs, until the next run


def test_a_rank_that_is_started_again_does_what_is_left(tmp_path: Path) -> None:
    batch = Batch.create(tmp_path, leave, [(tmp_path / f"made-{i}",) for i in range(4)], 2, debug=False)
    batch.report(0, Report(0))
    assert work_through(batch, 0) == 0 and work_through(batch, 0) == 0
    assert sorted(path.name for path in tmp_path.glob("made-*")) == ["made-2"]


def test_a_run_whose_folder_was_taken_over_ends(tmp_path: Path) -> None:
    backend = Threads()
    taking = threading.Timer(0.3, end_late_ranks, (tmp_path / "state",))
    taking.start()
    with pytest.raises(StepError, match="another midmix has taken over"):
        do(pool(tmp_path, backend), time.sleep, [(1.0,)] * 3)
    taking.join()
    for thread in backend.threads:
        thread.join()


def work_while_the_run_is_killed(given: task.Task, output: task.Output) -> None:
    end_late_ranks(given.folder / "state")  # what the next run begins with


def test_a_late_rank_of_a_killed_run_writes_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = tmp_path / "records" / "late.json"
    given = task.Task("late", None, {"": {}}, {}, {}, None, tmp_path, 2**20, 1)
    call = (work_while_the_run_is_killed, given, {"": ("fingerprint", {}, record)})
    batch = Batch.create(tmp_path / "state", task.perform, [call], 1, debug=False)

    def leave_if_closed() -> None:
        if not batch.state():
            raise SystemExit(3)

    monkeypatch.setattr(task, "before_records", leave_if_closed)
    with pytest.raises(SystemExit):
        work_through(batch, 0)
    assert not record.exists() and not batch.folder.exists()
    monkeypatch.undo()
    task.perform(*call)
    assert record.exists()  # so it is the look at the batch that kept it from being written


def test_files_of_another_node_are_waited_for_until_they_can_be_seen(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text("old")
    os.utime(path, ns=(1, 1))
    threading.Timer(0.2, lambda: os.utime(path, ns=(2, 2))).start()
    await_visible([(str(path), 2)])
    assert path.stat().st_mtime_ns == 2
    start = time.monotonic()
    await_visible([(str(tmp_path / "never"), 2)])  # not for ever: who reads it then says what is missing
    assert time.monotonic() - start >= 0.5
