"""How far a long task is within itself, and what it has to say: told by its process through files of the run folder."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

SECONDS = 0.5
_SHOWN = 3


def _folder(run: Path) -> Path:
    return run / "state" / "within"


@dataclass
class Within:
    """What the process of task `item` tells of its `total` steps, or what `unit` calls them; `run` is the run folder."""

    run: Path
    item: str
    total: int
    unit: str = "steps"
    _told: float = 0.0

    def done(self, steps: int) -> None:
        """So many steps are done. Written at most twice a second."""
        now = time.monotonic()
        if now - self._told >= SECONDS:
            self._told = now
            path = self._path
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(".new")
            temporary.write_text(json.dumps({"item": self.item, "done": steps, "total": self.total, "unit": self.unit}))
            os.replace(temporary, path)

    @property
    def _path(self) -> Path:
        return _folder(self.run) / f"{self.item}.json"

    def say(self, line: str) -> None:
        """A line for people."""
        path = _folder(self.run) / "said"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(f"{self.item}: {line}\n")

    def end(self) -> None:
        """The task is done."""
        self._path.unlink(missing_ok=True)


def forget_within(run: Path) -> None:
    """Begin anew: no task has told anything."""
    shutil.rmtree(_folder(run), ignore_errors=True)


def read_within(run: Path) -> str:
    """Where the tasks at work are, in words; empty where none tells."""
    told = []
    for path in sorted(_folder(run).glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError):  # the task has ended, or is just being written
            one = json.loads(path.read_text())
            told.append(f"{one['item']} at {one['done']:,} of {one['total']:,} {one['unit']}")
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return ", ".join(told[:_SHOWN]) + more


def read_said(run: Path, offset: int) -> tuple[list[str], int]:
    """Lines that tasks have said from byte `offset` on, and where to look for more."""
    try:
        with (_folder(run) / "said").open("rb") as stream:
            stream.seek(offset)
            text = stream.read()
    except OSError:
        return [], offset
    whole = text[: text.rfind(b"\n") + 1]
    return whole.decode("utf-8").splitlines(), offset + len(whole)
