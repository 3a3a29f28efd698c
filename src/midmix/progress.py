"""Progress of a run: a bar with rate and time left on a terminal, plain lines elsewhere, and a small state file."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from midmix.within import forget_within, read_said, read_within

PLAIN_SECONDS = 10.0
STATE_SECONDS = 0.5
BAR_SECONDS = 0.1


@contextmanager
def counted(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal for work outside of a run's steps; yields a function to call with how many more are done.

    Elsewhere nothing is shown, nor of no work at all.
    """
    if not total or not sys.stderr.isatty():
        yield lambda number: None
        return
    from rich import progress as rich_progress
    from rich.console import Console

    columns = [rich_progress.TextColumn("{task.description:<28}"), rich_progress.BarColumn()]
    columns += [rich_progress.MofNCompleteColumn(), rich_progress.TimeRemainingColumn()]
    with rich_progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task, waiting, shown = bar.add_task(title, total=total), 0, 0.0

        def advance(number: int) -> None:
            nonlocal waiting, shown
            waiting += number
            now = time.monotonic()
            if now - shown >= BAR_SECONDS:
                bar.update(task, advance=waiting)
                waiting, shown = 0, now

        yield advance


class Progress:
    """Where a run stands, for people (on standard error) and for `midmix status` (in the run folder)."""

    def __init__(self, folder: Path, *, quiet: bool = False) -> None:
        self.folder, self.quiet = folder, quiet
        self._terminal = sys.stderr.isatty()
        self._written = 0.0
        self._said = 0
        self._state: dict[str, Any] = {}
        self._tell: Callable[[str], None] = lambda words: None

    def say(self, line: str) -> None:
        """A plain line."""
        if not self.quiet:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    @contextmanager
    def step(self, title: str, total: int, reused: int, num_bytes: int) -> Iterator[Callable[[int], None]]:
        """Follow `total` tasks of which `reused` are done already; yields a function to call with each one's bytes.

        Of no tasks nothing is said.
        """
        start = time.monotonic()
        state: dict[str, Any] = {"step": title.partition(":")[0], "done": reused, "total": total, "pid": os.getpid()}
        self._state, self._said = state, 0
        forget_within(self.folder)
        self._save(state, force=True)
        display = self._bar if self._terminal and not self.quiet and total > reused else self._lines
        with display(title, total, reused, num_bytes) as show:

            def advance(size: int) -> None:
                state["done"] += 1
                self._save(state)
                show(size)

            yield advance
            self.look()
        self._tell = lambda words: None
        self._save(state, force=True)
        seconds = time.monotonic() - start
        again = f", {reused} reused" if reused else ""
        if not total:  # nobody asked for it
            return
        self.say(f"{title:<28} {total - reused} of {total} tasks done{again} in {seconds:.1f} s")

    def look(self) -> None:
        """See how far long tasks are within themselves, and what they say; pools call it while they wait."""
        lines, self._said = read_said(self.folder, self._said)
        for line in lines:
            self.say(line)
        words = read_within(self.folder)
        if words or "within" in self._state:
            self._state["within"] = words
            self._save(self._state)
        if words:
            self._tell(words)

    @contextmanager
    def _bar(self, title: str, total: int, reused: int, num_bytes: int) -> Iterator[Callable[[int], None]]:
        from rich import progress as rich_progress
        from rich.console import Console

        columns = [rich_progress.TextColumn("{task.description:<28}"), rich_progress.BarColumn()]
        rates = [rich_progress.DownloadColumn(), rich_progress.TransferSpeedColumn()]
        columns += rates if num_bytes else [rich_progress.MofNCompleteColumn()]
        left = rich_progress.TimeRemainingColumn()
        with rich_progress.Progress(*columns, left, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(title, total=num_bytes or total, completed=0 if num_bytes else reused)
            self._tell = lambda words: bar.update(task, description=f"{title}, {words}")
            yield lambda size: bar.update(task, advance=size if num_bytes else 1)

    @contextmanager
    def _lines(self, title: str, total: int, reused: int, num_bytes: int) -> Iterator[Callable[[int], None]]:
        start = last = time.monotonic()
        done, read = reused, 0

        def show(size: int) -> None:
            nonlocal last, done, read
            done, read = done + 1, read + size
            now = time.monotonic()
            if now - last >= PLAIN_SECONDS:
                last = now
                left = (now - start) / max(done - reused, 1) * (total - done)
                rate = f", {read / 1e6 / (now - start):.1f} MB/s" if num_bytes else ""
                self.say(f"{title:<28} {done} of {total}{rate}, about {left:.0f} s left")

        def tell(words: str) -> None:
            nonlocal last
            if time.monotonic() - last >= PLAIN_SECONDS:
                last = time.monotonic()
                self.say(f"{title:<28} {done} of {total}, {words}")

        self._tell = tell
        yield show

    def _save(self, state: dict[str, Any], force: bool = False) -> None:
        now = time.monotonic()
        if force or now - self._written >= STATE_SECONDS:
            self._written = now
            path = self.folder / "state" / "running.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(".tmp")
            temporary.write_text(json.dumps(state))
            os.replace(temporary, path)

    def finish(self) -> None:
        """Nothing runs any more."""
        (self.folder / "state" / "running.json").unlink(missing_ok=True)
