"""Which device a batch trains on: one process per device, batches in turn, whoever starts the processes."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import torch

POLL_SECONDS = 0.2


@contextmanager
def held_device() -> Iterator[torch.device]:
    """A CUDA device that no other process of this user trains on, waited for where all are in use; else the CPU.

    So workers on one machine and array tasks on one node share its devices without knowing of each other, and a batch
    finds the memory that it was cut for. CUDA is set to repeat itself.
    """
    if not torch.cuda.is_available():
        yield torch.device("cpu")
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a pass over every buffer
    # by the device's own id: its number differs between processes that see different devices
    names = [str(torch.cuda.get_device_properties(i).uuid) for i in range(torch.cuda.device_count())]
    with held_lock([Path(tempfile.gettempdir()) / f"midmix-{os.getuid()}-{name}.lock" for name in names]) as place:
        torch.cuda.set_device(place)
        yield torch.device("cuda", place)


@contextmanager
def held_lock(paths: Sequence[Path]) -> Iterator[int]:
    """Hold the first of the lock files that is free, and give its place; wait where none is. Freed when the process ends."""
    while (found := _first_free(paths)) is None:
        time.sleep(POLL_SECONDS)
    place, stream = found
    try:
        yield place
    finally:
        stream.close()


def _first_free(paths: Sequence[Path]) -> tuple[int, IO[str]] | None:
    for place, path in enumerate(paths):
        stream = path.open("a")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            continue
        return place, stream
    return None
