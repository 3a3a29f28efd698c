"""Where the work of a run is done: in processes of this machine, in Slurm array tasks, or by Ray."""

from __future__ import annotations

import os
from pathlib import Path

from midmix.config.execution import Execution
from midmix.execution.local import LocalPool
from midmix.pool import Pool
from midmix.progress import Progress


def open_pool(
    execution: Execution,
    folder: Path,
    locks: tuple[Path, Path],
    progress: Progress,
    *,
    workers: int | None = None,
    debug: bool = False,
) -> Pool:
    """The pool that the config asks for, of `workers` processes at once: all cores here, or no limit on a cluster.

    Raises ConfigError when what the backend needs is not installed.
    """
    if execution.backend == "local":
        return LocalPool(workers or cores(), progress, locks, debug=debug)
    from midmix.execution.cluster import Backend, ClusterPool

    backend: Backend
    if execution.backend == "slurm":
        from midmix.execution.slurm import SlurmBackend

        backend = SlurmBackend(execution.slurm)
    else:
        from midmix.execution.ray import RayBackend

        backend = RayBackend(execution.ray, locks)
    beside = LocalPool(min(workers or cores(), max(1, execution.local_calls)), progress, locks, debug=debug)
    return ClusterPool(backend, beside, folder, progress, execution, workers=workers, debug=debug)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
