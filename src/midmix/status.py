"""Where a run stands: which steps are done, which one runs, and whether it still does."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from midmix.errors import InputError
from midmix.flow import FLOW
from midmix.table_manifest import is_made, load_manifest


@dataclass(frozen=True)
class Status:
    """Steps that are done, and the step under work with its count of tasks; `alive` says whether a process works on it."""

    done: tuple[str, ...]
    open: tuple[str, ...]
    running: dict[str, Any] | None
    alive: bool


def read_status(folder: Path) -> Status:
    """The status of a run folder. Raises InputError when there is none."""
    if not (folder / "state").is_dir():
        raise InputError(f"{folder}: no run folder. `midmix run CONFIG --out {folder}` makes one.")
    done = tuple(s.name for s in FLOW if all(is_made(folder, t.name) for t in s.writes))
    running = None
    with contextlib.suppress(FileNotFoundError, ValueError):  # nothing runs, or nothing was noted yet
        running = json.loads((folder / "state" / "running.json").read_text())
    alive = _is_locked(folder / "state" / "lock")
    return Status(done, tuple(s.name for s in FLOW if s.name not in done), running, alive)


def _is_locked(path: Path) -> bool:
    try:
        with path.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except OSError:
        return True


def status_lines(folder: Path) -> list[str]:
    """The status in words."""
    from midmix.add.previews import preview_lines

    status = read_status(folder)
    lines = []
    if status.running and status.alive:
        r = status.running
        within = f", {r['within']}" if r.get("within") else ""
        lines.append(f"running: {r['step']}, {r['done']} of {r['total']} tasks{within} (process {r['pid']})")
    elif status.running:
        r = status.running
        lines.append(f"interrupted in {r['step']}, {r['done']} of {r['total']} tasks; run it again to go on from there")
    else:
        lines.append("running: nothing")
    lines.append(f"done: {', '.join(status.done) or 'nothing yet'}")
    if status.open:
        lines.append(f"not done: {', '.join(status.open)}")
    for step in FLOW:
        for table in step.writes:
            if is_made(folder, table.name) and not table.internal:
                manifest = load_manifest(folder, table.name)
                by_unit: Counter[str] = Counter()
                for file in manifest.files:
                    by_unit[file.unit if table.groups else ""] += file.rows
                rows = max(by_unit.values(), default=0)
                lines.append(f"  {table.name:<18} {rows:>10,} rows in {len(manifest.files):,} files")
    return [*lines, *preview_lines(folder)]
