"""Worker processes of a run: tasks in, progress out. Results never depend on the number of workers."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from midmix.errors import MidmixError, StepError
from midmix.progress import Progress

# Every library in a worker gets one thread: parallel work is parts, and threads change the order of sums.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS"), "1"
) | {"TOKENIZERS_PARALLELISM": "false"}


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


def _call(function: Callable[..., Any], arguments: tuple[Any, ...], debug: bool) -> Any:
    try:
        return function(*arguments)
    except (MidmixError, KeyboardInterrupt):
        raise
    except Exception as error:
        if debug:
            raise
        item = getattr(arguments[1], "item", "") if len(arguments) > 1 else ""
        if isinstance(error, OSError):
            raise StepError(
                f"{item}: {error}. Mend that (free space, allow access) and run it again: finished parts are kept."
            ) from None
        raise StepError(
            f"{item}: {type(error).__name__}: {error}. This is a fault of midmix or of the machine, not of the config; "
            f"--debug shows where."
        ) from None


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
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


class Pool:
    """A pool of worker processes, started with the first task and used by all steps of a run."""

    def __init__(self, workers: int, progress: Progress, locks: tuple[Path, Path], *, debug: bool = False) -> None:
        self.workers, self.progress, self.locks, self.debug = workers, progress, locks, debug
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the running tasks, which are kept; after Ctrl-C cut them off, as nothing half-written is ever read."""
        if self._executor is None:
            return
        if kind is not None and not issubclass(kind, Exception):
            for process in list((self._executor._processes or {}).values()):
                process.kill()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _start(self) -> ProcessPoolExecutor:
        if self._executor is None:
            with _environment(ONE_THREAD), _without_main():
                self._executor = ProcessPoolExecutor(
                    self.workers, multiprocessing.get_context("forkserver"), _start_worker, self.locks
                )
                # Workers start with the first task of each; they must start under this environment.
                wait([self._executor.submit(os.getpid) for _ in range(self.workers)])
        return self._executor

    def map(
        self,
        function: Callable[..., None],
        calls: Sequence[tuple[Any, ...]],
        *,
        title: str,
        total: int,
        sizes: Sequence[int],
    ) -> None:
        """Call `function(*call)` for each call; the first error ends it, after the running tasks."""
        with self.progress.step(title, total, total - len(calls), sum(sizes)) as advance:
            if not calls:
                return
            executor = self._start()
            waiting = {executor.submit(_call, function, call, self.debug): i for i, call in enumerate(calls)}
            self._await(waiting, sizes, advance)

    def _await(self, waiting: dict[Future[Any], int], sizes: Sequence[int], advance: Callable[[int], None]) -> None:
        try:
            while waiting:
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
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
