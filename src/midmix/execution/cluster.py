"""A batch of calls done by the ranks of a cluster, followed by what they report."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from midmix import errors
from midmix.config.execution import Execution
from midmix.errors import MidmixError, StepError
from midmix.execution.batch import CLOSED, Batch, Report
from midmix.pool import Function, Pool
from midmix.progress import Progress

FIRST_POLL_SECONDS, LAST_POLL_SECONDS = 0.2, 5.0
# How long another node's writes may stay unseen on a network file system (NFS: a minute by default).
VISIBLE_SECONDS = 60.0
END_SECONDS = 30.0


class Job(Protocol):
    """A batch that was given to a cluster."""

    def ended(self) -> str | None:
        """What became of the ranks, in words; None as long as one runs or waits. May take a second."""

    def drop_waiting(self) -> None:
        """Do not start ranks that have not started."""

    def cancel(self) -> None:
        """End all ranks."""


class Backend(Protocol):
    """What starts ranks on a cluster."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def max_ranks(self) -> int | None:
        """The most ranks that it takes at once."""

    def submit(self, batch: Batch, num_ranks: int, at_once: int) -> Job:
        """Start the ranks of a batch, at most `at_once` at a time unless that is -1. Raises MidmixError."""

    def close(self, *, kill: bool) -> None:
        """Let go of the cluster."""


class ClusterPool(Pool):
    """Ranks of a cluster; small batches are done by the pool `beside` the run."""

    def __init__(
        self,
        backend: Backend,
        beside: Pool,
        folder: Path,
        progress: Progress,
        execution: Execution,
        *,
        workers: int | None = None,
        debug: bool = False,
    ) -> None:
        self.backend, self.beside, self.progress, self.execution = backend, beside, progress, execution
        self.state, self.at_once, self.debug = folder / "state", workers or -1, debug

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """See `Pool`."""
        self.beside.__exit__(kind, error, trace)
        self.backend.close(kill=kind is not None and not issubclass(kind, Exception))

    def say(self, line: str) -> None:
        """See `Pool`."""
        self.progress.say(line)

    def map(
        self, function: Function, calls: Sequence[tuple[Any, ...]], *, title: str, total: int, sizes: Sequence[int]
    ) -> None:
        """See `Pool`."""
        if len(calls) <= self.execution.local_calls:
            self.beside.map(function, calls, title=title, total=total, sizes=sizes)
            return
        num_ranks = min(self.execution.tasks, len(calls), self.backend.max_ranks or len(calls))
        batch = Batch.create(self.state, function, calls, num_ranks, debug=self.debug)
        try:
            job = self.backend.submit(batch, num_ranks, self.at_once)
        except BaseException:
            batch.remove()
            raise
        self.progress.say(
            f"{title:<28} {num_ranks} ranks of {self.backend.name}, job {batch.name}, logs in {batch.folder}"
        )
        try:
            with self.progress.step(title, total, total - len(calls), sum(sizes)) as advance:
                _Followed(batch, job, num_ranks, sizes, advance, self.progress.look).to_the_end()
        except BaseException:
            batch.close()
            job.cancel()
            raise
        batch.remove()


class _Followed:
    """A batch under work: what was reported, and what is said of it when it ends otherwise."""

    def __init__(
        self,
        batch: Batch,
        job: Job,
        num_ranks: int,
        sizes: Sequence[int],
        advance: Callable[[int], None],
        look: Callable[[], None],
    ) -> None:
        self.batch, self.job, self.sizes, self.advance, self.look = batch, job, sizes, advance, look
        self.offsets = [0] * num_ranks
        self.done: set[int] = set()
        self.errors: dict[int, tuple[str, str]] = {}

    def to_the_end(self) -> None:
        """Return when every call was done and its files can be seen here. Raises the first call's error, else StepError."""
        ended = self._follow()
        if self.errors:
            name, message = self.errors[min(self.errors)]
            kind = getattr(errors, name, StepError)
            raise (kind if isinstance(kind, type) and issubclass(kind, MidmixError) else StepError)(message)
        if len(self.done) < len(self.sizes):
            raise StepError(
                f"{len(self.sizes) - len(self.done)} of {len(self.sizes)} tasks were not done, and their ranks have "
                f"ended: {ended}. Where they ran out of time or memory, raise that in the config's execution. Logs are "
                f"in {self.batch.folder}; run again: finished parts are kept."
            )

    def _follow(self) -> str:
        """Read reports until all calls were reported or the ranks have ended; what became of them."""
        pause, ended = FIRST_POLL_SECONDS, None
        while True:
            came = self._read()
            self.look()
            if len(self.done) == len(self.sizes):
                return self._await_end()
            if ended is not None and not came:
                return ended
            if self.batch.state() == CLOSED:
                raise StepError(f"{self.batch.folder}: another midmix has taken over this run folder")
            ended = ended or self.job.ended()
            if ended is not None and not self.errors:
                _refresh(self.batch.folder)
            pause = FIRST_POLL_SECONDS if came else min(pause * 1.3, LAST_POLL_SECONDS)
            time.sleep(pause)

    def _read(self) -> int:
        """Take in what was reported since; how many calls that are."""
        before = len(self.done) + len(self.errors)
        for rank, offset in enumerate(self.offsets):
            reports, self.offsets[rank] = self.batch.reports(rank, offset)
            for report in reports:
                self._take(report)
        return len(self.done) + len(self.errors) - before

    def _take(self, report: Report) -> None:
        if report.error is not None:
            self.errors.setdefault(report.call, report.error)
            self.batch.end_softly()
            self.job.drop_waiting()
        elif report.call not in self.done:
            await_visible(report.files)
            self.done.add(report.call)
            self.advance(self.sizes[report.call])

    def _await_end(self) -> str:
        """Give ranks that have reported everything time to go, so that nothing of them is cut off."""
        deadline = time.monotonic() + END_SECONDS
        while (ended := self.job.ended()) is None:
            if time.monotonic() > deadline:
                self.job.cancel()
                return "cancelled after their last task"
            time.sleep(FIRST_POLL_SECONDS)
        return ended


def await_visible(files: Sequence[tuple[str, int]]) -> None:
    """Wait until files can be seen here as the rank that wrote them saw them; not for ever, as a later one may differ."""
    deadline = time.monotonic() + VISIBLE_SECONDS
    for path, changed in files:
        while not _is_seen(path, changed) and time.monotonic() < deadline:
            _refresh(Path(path).parent)
            time.sleep(FIRST_POLL_SECONDS)


def _is_seen(path: str, changed: int) -> bool:
    try:
        return os.stat(path).st_mtime_ns == changed
    except OSError:
        return False


def _refresh(folder: Path) -> None:
    """Open a folder, which makes a client of NFS ask its server for what is new there."""
    try:
        os.close(os.open(folder, os.O_RDONLY))
    except OSError:
        return
