"""A rank of a batch: what datatrove calls on a node, and the process in which the calls are done.

The rank starts a fresh interpreter for its calls and waits for it. So libraries see their number of threads before they
are loaded, nothing runs in a fork of a process with threads (Ray's), and a process that the system kills for its memory
is reported by the one that survives it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import midmix
from midmix import task
from midmix.errors import MidmixError, StepError
from midmix.execution.batch import CLOSED, OPEN, Batch, Header, Report, file_report
from midmix.execution.call import attempt
from midmix.execution.warm import warm_up_once

# Exit codes of the process that does the calls: LEFT, its batch was closed; Python itself ends with 1 or 2.
DONE, LEFT, FAILED = 0, 3, 4
WATCH_SECONDS = 2.0
# How a fault of a process or of its memory ends it. Other signals come from the scheduler, which may start it again.
_FATAL = {signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE}


@dataclass(frozen=True)
class Rank:
    """The callable of datatrove's executors: does what the batch in `folder` has for a rank."""

    folder: str

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Wait for the rank's process. Raises RuntimeError where it failed, so that the cluster's own lists say so."""
        batch = Batch(Path(self.folder))
        if batch.state() != OPEN:
            return
        code = _run_process(batch, rank)
        if code < 0 and -code in _FATAL and batch.state() != CLOSED:
            _report_death(batch, rank, signal.Signals(-code))
        elif code not in (DONE, FAILED, LEFT) and code > 0:
            _report_failure(batch, rank, StepError(f"rank {rank} ended with code {code} before its first call"))
        if code not in (DONE, LEFT):
            raise RuntimeError(f"rank {rank} of {world_size} failed; {batch.folder} says why")


def _run_process(batch: Batch, rank: int) -> int:
    header, parent = batch.header(), os.getppid()
    if not os.path.isdir(header.cwd):
        fault = StepError(f"{header.cwd}: no such folder on {os.uname().nodename}; a cluster's nodes must share it")
        _report_failure(batch, rank, fault)
        return FAILED
    command = [sys.executable, "-m", "midmix.execution.rank", str(batch.folder), str(rank), str(os.getpid())]
    process = subprocess.Popen(command, cwd=header.cwd, env=os.environ | dict(header.environment))
    try:
        while os.getppid() == parent:
            try:
                return process.wait(WATCH_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        return LEFT
    finally:
        process.kill()
        process.wait()


def _report_death(batch: Batch, rank: int, killed_by: signal.Signals) -> None:
    _report_failure(batch, rank, StepError(
        f"rank {rank} on {os.uname().nodename} was killed ({killed_by.name}), most likely for memory. Raise mem_per_cpu_gb "
        f"or cpus_per_task of the config's execution, or lower memory_mb or part_bytes, and run again: finished parts "
        f"are kept."
    ))  # fmt: skip


def _report_failure(batch: Batch, rank: int, error: MidmixError) -> None:
    """Report an error of the first call of the rank that has not ended."""
    left = batch.unreported(rank) if batch.state() != CLOSED else []
    if left:
        batch.report(rank, Report(left[0], error=(type(error).__name__, str(error))))


# -- the process that does the calls


def _watch(batch: Batch, parent: int) -> None:
    """End this process when its batch is closed, or when the rank that waits for it is gone."""
    while os.getppid() == parent and batch.state() != CLOSED:
        time.sleep(WATCH_SECONDS)
    os._exit(LEFT)


def _leave_if_closed(batch: Batch) -> None:
    if batch.state() == CLOSED:
        raise SystemExit(LEFT)


def _prepare(header: Header) -> None:
    """Raises StepError where this node would not do what the run's own machine does."""
    import pyarrow as pa

    versions, theirs = (midmix.__version__, sys.version_info[:2]), header.python.split(".")[:2]
    if (header.midmix, theirs) != (versions[0], [str(number) for number in versions[1]]):
        raise StepError(
            f"node {os.uname().nodename} has midmix {versions[0]} and Python {sys.version.split()[0]}, the run midmix "
            f"{header.midmix} and Python {header.python}. Give ranks the run's environment: execution.slurm.venv or "
            f"env_command, or start Ray in it."
        )
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    warm_up_once()


def work_through(batch: Batch, rank: int) -> int:
    """Do the calls of a rank that no rank before it did, as long as the batch is open; DONE, FAILED or LEFT."""
    header, left = batch.header(), batch.unreported(rank)
    try:
        _prepare(header)
        for number, function, arguments in batch.calls(rank):
            if number in left:
                if batch.state() != OPEN:
                    return LEFT
                files = attempt(function, arguments, header.debug)
                batch.report(rank, file_report(number, files))
    except MidmixError as error:
        _report_failure(batch, rank, error)
        return FAILED
    except Exception:  # with --debug, or a fault of the node, such as a module that is missing there
        _report_failure(batch, rank, StepError(f"rank {rank} on {os.uname().nodename}:\n{traceback.format_exc()}"))
        return FAILED
    return DONE


def main(folder: str, rank: str, parent: str) -> int:
    """Do the calls of a rank in this process, which is theirs alone."""
    batch = Batch(Path(folder))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the run, which closes the batch
    threading.Thread(target=_watch, args=(batch, int(parent)), daemon=True).start()
    task.before_records = lambda: _leave_if_closed(batch)
    return work_through(batch, int(rank))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
