"""The section about where work is done: worker processes here, Slurm array tasks, or Ray."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from midmix.config.section import Section


class Slurm(Section):
    """What every array task asks for. What has no setting here goes into `sbatch_args`, without dashes.

    `venv` is the folder of an environment; `env_command` is shell that makes one ready. Without both, tasks run in the
    environment that started the run.
    """

    partition: str | None = None
    time: str = "24:00:00"
    cpus_per_task: int = Field(default=1, ge=1)
    mem_per_cpu_gb: int = Field(default=4, ge=1)
    max_array_size: int = Field(default=1001, ge=1)
    env_command: str | None = None
    venv: str | None = None
    sbatch_args: dict[str, str] = {}

    @field_validator("time", mode="before")
    @classmethod
    def _quoted(cls, value: object) -> object:
        if isinstance(value, int):
            raise ValueError("YAML reads a time without quotes as a number; write it in quotes, such as '12:00:00'")
        return value

    @field_validator("time")
    @classmethod
    def _time(cls, value: str) -> str:
        if not re.fullmatch(r"(\d+-)?\d+(:\d+){0,2}", value):
            raise ValueError(f"{value!r} is no time limit; write hours:minutes:seconds, such as 12:00:00")
        return value


class Ray(Section):
    """What every rank reserves. `address` is that of a Ray cluster; without it Ray is started on this machine."""

    address: str | None = None
    cpus_per_task: int = Field(default=1, ge=1)
    mem_per_cpu_gb: float = Field(default=4, gt=0)

    @field_validator("address")
    @classmethod
    def _reachable(cls, value: str | None) -> str | None:
        if value is not None and value != "auto" and not re.fullmatch(r"[^/]+:\d+", value):
            raise ValueError("expected host:port, 'auto', or nothing (Ray is started on this machine)")
        return value


class Execution(Section):
    """Which backend does the work of a run. Results never depend on it.

    On a cluster a batch of tasks is spread over at most `tasks` ranks. Batches of at most `local_calls` tasks, such as
    what is done once over whole tables, are done by processes beside the run: cheaper than waiting in a queue.
    """

    backend: Literal["local", "slurm", "ray"] = "local"
    tasks: int = Field(default=64, ge=1)
    local_calls: int = Field(default=1, ge=0)
    slurm: Slurm = Slurm()
    ray: Ray = Ray()
