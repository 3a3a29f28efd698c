"""A batch of calls in the run folder: what ranks are to call, whether they still may, and what they report.

A batch is a folder of its own under state/jobs, never used twice, so that no two shardings ever mix:

    open              there as long as ranks may work; holds `open`, or `closing`: finish the running call, start no other
    batch.json        what ranks must know before they read a call
    00003.calls       the calls of rank 3, pickled; written by the run, for its own ranks alone
    00003.report      a line of JSON for every call of rank 3 that ended
    datatrove, slurm  logs and marks of completion, which nothing here relies on

Files are opened anew for every look at them: on a network file system that is what makes another node's writes visible.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import platform
import shutil
import subprocess
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import midmix
from midmix.pool import ONE_THREAD, Function

OPEN, CLOSING, CLOSED = "open", "closing", ""
# Environment of the run that ranks need, whatever the backend passes on by itself.
_PASSED_ON = ("HF_HOME", "MIDMIX_CACHE", "PYTHONPATH")


@dataclass(frozen=True)
class Header:
    """What ranks must know before they read a call."""

    num_calls: int
    num_ranks: int
    debug: bool
    cwd: str = field(default_factory=os.getcwd)
    midmix: str = midmix.__version__
    python: str = field(default_factory=platform.python_version)
    environment: Mapping[str, str] = field(
        default_factory=lambda: ONE_THREAD | {n: os.environ[n] for n in _PASSED_ON if n in os.environ}
    )


@dataclass(frozen=True)
class Report:
    """A call that ended. `files` are what it wrote last, with the time in nanoseconds at which each was changed.

    `error` is the name of a class of midmix.errors and the message.
    """

    call: int
    files: tuple[tuple[str, int], ...] = ()
    error: tuple[str, str] | None = None


class Batch:
    """A batch that lies at `folder`. Its name, the folder's, is also that of its job on a cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(
        cls, state: Path, function: Function, calls: Sequence[tuple[Any, ...]], num_ranks: int, *, debug: bool
    ) -> Self:
        """A new batch below a run's folder `state`, open, with call i for rank i modulo `num_ranks`."""
        jobs = Path(os.path.abspath(state)) / "jobs"
        jobs.mkdir(parents=True, exist_ok=True, mode=0o700)
        batch = cls(jobs / f"midmix-{uuid.uuid4().hex[:12]}")
        batch.folder.mkdir(mode=0o700)
        header = Header(len(calls), num_ranks, debug)
        (batch.folder / "batch.json").write_text(json.dumps(asdict(header), indent=1, sort_keys=True))
        for rank in range(num_ranks):
            numbered = [(i, function, calls[i]) for i in range(rank, len(calls), num_ranks)]
            batch._file(rank, "calls").write_bytes(pickle.dumps(numbered))
            batch._file(rank, "report").touch()
        batch._mark(OPEN)
        return batch

    def _file(self, rank: int, suffix: str) -> Path:
        return self.folder / f"{rank:05d}.{suffix}"

    @property
    def name(self) -> str:
        """The name of the batch."""
        return self.folder.name

    def header(self) -> Header:
        """What ranks must know before they read a call."""
        return Header(**json.loads((self.folder / "batch.json").read_text()))

    def calls(self, rank: int) -> list[tuple[int, Function, tuple[Any, ...]]]:
        """(number, function, arguments) of the calls of a rank."""
        calls: list[tuple[int, Function, tuple[Any, ...]]]
        calls = pickle.loads(self._file(rank, "calls").read_bytes())  # noqa: S301, the run's own file, no input of a user
        return calls

    # -- whether ranks may work

    def state(self) -> str:
        """OPEN, CLOSING, or CLOSED."""
        try:
            return (self.folder / "open").read_text() or OPEN
        except (FileNotFoundError, NotADirectoryError):
            return CLOSED
        except OSError:
            return OPEN  # a network file system that stumbles; a rank that works on does no harm

    def _mark(self, state: str) -> None:
        temporary = self.folder / "open.new"
        temporary.write_text(state)
        os.replace(temporary, self.folder / "open")

    def end_softly(self) -> None:
        """Let ranks finish the call that they are at, and start no other."""
        if self.state() == OPEN:
            self._mark(CLOSING)

    def close(self) -> None:
        """Let ranks end at once, and write no record any more."""
        (self.folder / "open").unlink(missing_ok=True)

    def remove(self) -> None:
        """Close the batch and delete its files."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- what ranks report

    def report(self, rank: int, report: Report) -> None:
        """Add a report of a rank; lines stay apart also from one that a killed rank left half-written.

        Where the batch is gone, so is who would read it.
        """
        with contextlib.suppress(FileNotFoundError), self._file(rank, "report").open("a") as stream:
            stream.write("\n" + json.dumps(asdict(report)) + "\n")

    def unreported(self, rank: int) -> list[int]:
        """Numbers of the calls of a rank that have not ended."""
        header, ended = self.header(), {report.call for report in self.reports(rank, 0)[0]}
        return [i for i in range(rank, header.num_calls, header.num_ranks) if i not in ended]

    def reports(self, rank: int, offset: int) -> tuple[list[Report], int]:
        """What a rank reported from byte `offset` of its file on, and where to look for more."""
        try:
            with self._file(rank, "report").open("rb") as stream:
                stream.seek(offset)
                text = stream.read()
        except FileNotFoundError:  # the batch is gone
            return [], offset
        whole = text[: text.rfind(b"\n") + 1]
        return list(_parse(whole.splitlines())), offset + len(whole)


def _parse(lines: Iterable[bytes]) -> Iterator[Report]:
    for line in lines:
        try:
            value = json.loads(line)
            error = value["error"]
            files = tuple((path, changed) for path, changed in value["files"])
            yield Report(value["call"], files, None if error is None else (error[0], error[1]))
        except (ValueError, KeyError, TypeError):
            continue  # the blank before a report, or one that a killed rank left half-written


def file_report(call: int, files: Iterable[Path] | None) -> Report:
    """The report of a call that returned the files which it wrote last."""
    return Report(call, tuple((str(path), path.stat().st_mtime_ns) for path in files or ()))


def end_late_ranks(state: Path) -> None:
    """Close every batch that an earlier, killed run left behind, and take its jobs out of Slurm's queue.

    A rank on another node that does not notice at once does no harm: what it writes is named after its content, it
    looks for its batch again before it writes a record, and a record that it wrote all the same has the fingerprint
    of the work that it did, so that at worst this work is done twice.
    """
    jobs = state / "jobs"
    for folder in sorted(jobs.iterdir()) if jobs.is_dir() else ():
        batch = Batch(folder)
        batch.close()
        if (folder / "slurm").exists() and shutil.which("scancel"):
            subprocess.run(["scancel", "--quiet", f"--name={batch.name}"], check=False, capture_output=True)
        batch.remove()
