"""One writer at a time in a folder that midmix writes."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from midmix.errors import InputError
from midmix.execution.batch import end_late_ranks
from midmix.execution.local import await_orphans

LOCK_ATTEMPTS = 10


@contextmanager
def no_writer(folder: Path) -> Iterator[None]:
    """Keep writers out of a run folder while it is read as one state. Raises InputError when one is at work."""
    with (folder / "state" / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                f"{folder}: another midmix is running here. `midmix status {folder}` says what it does; wait for it."
            ) from None
        yield


@contextmanager
def only_writer(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Hold the run folder's lock; yields it and the lock that workers share. Raises InputError when another holds it."""
    state = folder / "state"
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("a") as lock:
        for attempt in range(LOCK_ATTEMPTS):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if attempt == LOCK_ATTEMPTS - 1:
                    raise InputError(
                        f"{folder}: another midmix is running here. `midmix status {folder}` says what it does; wait for it."
                    ) from None
                time.sleep(0.1)  # `midmix status` holds the lock for a moment
        await_orphans(state / "workers.lock")
        end_late_ranks(state)
        yield state / "lock", state / "workers.lock"
