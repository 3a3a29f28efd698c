"""Ranks as actors of Ray, by datatrove's executor, driven from a process of its own.

Ray is loaded in that process alone. It ends with the run, however that ends, and Ray then ends the ranks.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import socket
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from midmix.config.execution import Ray
from midmix.errors import ConfigError, MidmixError, StepError
from midmix.execution.batch import Batch
from midmix.execution.local import end_processes, start_processes

INSTALL = 'pip install "midmix[ray]"'
ANSWER_SECONDS = 20.0
_GB = 2**30
_OBJECT_STORE_BYTES = 80 * 2**20  # the least that Ray takes; ranks read and write files, and no objects


class RayBackend:
    """Ray: a cluster at an address, or one that is started on this machine for the run."""

    name = "Ray"
    max_ranks = None

    def __init__(self, settings: Ray, locks: tuple[Path, Path]) -> None:
        found = importlib.util.find_spec("ray")
        if found is None or found.origin is None:  # None also for a folder that happens to be called ray
            raise ConfigError(
                f"execution.backend is ray, which is not installed. Install it here and on every node: {INSTALL}"
            )
        self.settings, self.locks = settings, locks
        self._driver: ProcessPoolExecutor | None = None

    def submit(self, batch: Batch, num_ranks: int, at_once: int) -> RayJob:
        """Start the ranks; what Ray says against it comes when the job has ended."""
        self._driver = self._driver or start_processes(1, self.locks)
        return RayJob(self._driver.submit(drive, str(batch.folder), num_ranks, at_once, self.settings), self)

    def close(self, *, kill: bool) -> None:
        """End the driver, and with it what it started."""
        if self._driver is not None:
            end_processes(self._driver, kill=kill)
            self._driver = None


class RayJob:
    """A batch that the driver has Ray do."""

    def __init__(self, future: Future[None], backend: RayBackend) -> None:
        self._future, self._backend = future, backend

    def ended(self) -> str | None:
        """See `Job`. Raises MidmixError when Ray cannot do it at all."""
        if not self._future.done():
            return None
        try:
            self._future.result()
        except MidmixError:
            raise
        except BrokenProcessPool:
            return "Ray's driver was killed"
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return "ended by Ray"

    def drop_waiting(self) -> None:
        """Ranks that start after their batch was closed leave at once."""

    def cancel(self) -> None:
        """See `Job`: without its driver, Ray ends a job."""
        self._backend.close(kill=True)


# -- in the driver's process


def drive(folder: str, num_ranks: int, at_once: int, settings: Ray) -> None:
    """Do a batch in Ray, to its end. Raises ConfigError where the cluster has no node for a rank."""
    from datatrove.executor.ray import RayPipelineExecutor
    from datatrove.utils.logging import logger

    from midmix.execution.rank import Rank

    logger.disable("datatrove")
    _join(settings, at_once)
    executor = RayPipelineExecutor(
        [Rank(folder)],
        tasks=num_ranks,
        workers=at_once,
        cpus_per_task=settings.cpus_per_task,
        mem_per_cpu_gb=settings.mem_per_cpu_gb,
        logging_dir=str(Path(folder) / "datatrove"),
    )
    executor.run()


def _join(settings: Ray, at_once: int) -> None:
    import ray

    if not ray.is_initialized():
        _refuse_unreachable(settings.address)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        num_cpus = at_once * settings.cpus_per_task if at_once > 0 else None
        own = {"num_cpus": num_cpus, "object_store_memory": _OBJECT_STORE_BYTES, "include_dashboard": False}
        try:
            ray.init(
                address=settings.address or "local",
                logging_level=logging.ERROR,
                log_to_driver=False,
                **({} if settings.address else own),
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise StepError(f"Ray cannot be reached or started ({error}). Mend execution.ray.address.") from None
    _refuse_too_small(ray.nodes(), settings)


def _refuse_unreachable(address: str | None) -> None:
    """Ray itself would try for many minutes."""
    if address is None or address == "auto":
        return
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS):
            return
    except OSError as error:
        raise StepError(
            f"execution.ray.address: no Ray cluster answers at {address} ({error}). `ray status` says on a node of it "
            f"whether it is up; without an address Ray is started on this machine."
        ) from None


def _refuse_too_small(nodes: list[dict[str, Any]], settings: Ray) -> None:
    """A rank that fits no node would wait for ever."""
    memory = settings.cpus_per_task * settings.mem_per_cpu_gb * _GB
    offers = [node["Resources"] for node in nodes if node["Alive"]]
    if not any(o.get("CPU", 0) >= settings.cpus_per_task and o.get("memory", 0) >= memory for o in offers):
        found = "; ".join(f"{o.get('CPU', 0):g} CPUs, {o.get('memory', 0) / _GB:.1f} GB" for o in offers)
        raise ConfigError(
            f"execution.ray: a rank asks for {settings.cpus_per_task} CPUs and {memory / _GB:g} GB of memory, and no node "
            f"of the Ray cluster has them ({found or 'it has no nodes'}). Lower cpus_per_task or mem_per_cpu_gb."
        )
