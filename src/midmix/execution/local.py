"""Worker processes of this machine: calls in, progress out."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from midmix.errors import StepError
from midmix.execution.call import attempt
from midmix.pool import ONE_THREAD, Function, Pool
from midmix.progress import Progress

LOOK_SECONDS = 1.0

_held: list[IO[str]] = []


def _end_with_run(lock: Path) -> None:
    """Block until the run's lock is free, which is when its process has ended, however it did."""
    with lock.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
        os._exit(1)


def _start_worker(run_lock: Path, workers_lock: Path) -> None:
    """Set up a worker: it ends with the run, and holds `workers_lock` as long as it lives."""
    import pyarrow as pa

    stream = workers_lock.open("a")
    fcntl.flock(stream, fcntl.LOCK_SH)
    _held.append(stream)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the run as well, which ends its workers
    threading.Thread(target=_end_with_run, args=(run_lock,), daemon=True).start()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def await_orphans(workers_lock: Path) -> None:
    """Wait until no worker of an earlier, killed run lives: it could finish its task on scratch files that are gone."""
    with workers_lock.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)


@contextmanager
def environment(values: Mapping[str, str | None]) -> Iterator[None]:
    """Change environment variables for a while; None takes one away."""
    before = {name: os.environ.get(name) for name in values}
    _assign(values)
    try:
        yield
    finally:
        _assign(before)


def _assign(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _without_main() -> Iterator[None]:
    """Hide the user's script: workers need nothing of it, and would run it again where it has no main guard."""
    main = vars(sys.modules["__main__"])
    before: dict[str, Any] = {name: main.pop(name) for name in ("__file__", "__spec__") if name in main}
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(before)


def start_processes(count: int, locks: tuple[Path, Path]) -> ProcessPoolExecutor:
    """Processes with one thread per library that end with the run; `locks` are those of `only_writer`."""
    with environment(ONE_THREAD), _without_main():
        executor = ProcessPoolExecutor(count, multiprocessing.get_context("forkserver"), _start_worker, locks)
        # Workers start with the first task of each; they must start under this environment.
        wait([executor.submit(os.getpid) for _ in range(count)])
        return executor


def end_processes(executor: ProcessPoolExecutor, *, kill: bool) -> None:
    """Wait for what runs, or cut it off; what waits is dropped."""
    if kill:
        for process in list((executor._processes or {}).values()):
            process.kill()
    executor.shutdown(wait=True, cancel_futures=True)


class LocalPool(Pool):
    """Worker processes of this machine."""

    def __init__(self, workers: int, progress: Progress, locks: tuple[Path, Path], *, debug: bool = False) -> None:
        self.workers, self.progress, self.locks, self.debug = workers, progress, locks, debug
        self._executor: ProcessPoolExecutor | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """See `Pool`."""
        if self._executor is not None:
            end_processes(self._executor, kill=kind is not None and not issubclass(kind, Exception))

    def say(self, line: str) -> None:
        """See `Pool`."""
        self.progress.say(line)

    def map(
        self, function: Function, calls: Sequence[tuple[Any, ...]], *, title: str, total: int, sizes: Sequence[int]
    ) -> None:
        """See `Pool`."""
        with self.progress.step(title, total, total - len(calls), sum(sizes)) as advance:
            if not calls:
                return
            self._executor = self._executor or start_processes(self.workers, self.locks)
            submit = self._executor.submit
            waiting = {submit(attempt, function, call, self.debug): i for i, call in enumerate(calls)}
            self._await(waiting, sizes, advance)

    def _await(self, waiting: dict[Future[Any], int], sizes: Sequence[int], advance: Callable[[int], None]) -> None:
        try:
            while waiting:
                done, _ = wait(waiting, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
                self.progress.look()
                for future in sorted(done, key=waiting.__getitem__):
                    number = waiting.pop(future)
                    future.result()
                    advance(sizes[number])
        except BrokenProcessPool:
            raise StepError(
                "a worker process was killed, most likely for memory. Lower --workers, memory_mb or part_bytes and run "
                "again: finished parts are kept."
            ) from None
        finally:
            for future in waiting:
                future.cancel()
