"""The section about execution: what it refuses, and what it asks of the machine."""

import importlib.util
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from midmix.config import parse_config
from midmix.config.execution import Execution, Ray, Slurm
from midmix.errors import ConfigError, StepError
from midmix.execution import open_pool, slurm
from midmix.execution.local import LocalPool
from midmix.execution.ray import _refuse_too_small, _refuse_unreachable
from midmix.execution.slurm import ArrayExecutor, SlurmJob
from midmix.progress import Progress


def parsed(**execution: Any) -> Execution:
    sources = {"a": {"path": "a.parquet", "kind": "prose"}}
    return parse_config({"sources": sources, "execution": execution}, base=Path("/nowhere")).execution


def opened(folder: Path, execution: Execution) -> Any:
    return open_pool(execution, folder, (folder / "a", folder / "b"), Progress(folder, quiet=True), workers=3)


def test_a_time_limit_is_text_in_a_form_that_slurm_knows() -> None:
    for time in ("12:00:00", "2-12:00:00", "90", "30:00"):
        assert parsed(slurm={"time": time}).slurm.time == time
    with pytest.raises(ConfigError, match="quotes"):
        parsed(slurm={"time": 43200})  # what YAML makes of 12:00:00 without quotes
    with pytest.raises(ConfigError, match="no time limit"):
        parsed(slurm={"time": "half an hour"})


def test_an_unknown_backend_and_an_unknown_setting_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"execution\.backend.*'local', 'slurm' or 'ray'"):
        parsed(backend="dask")
    with pytest.raises(ConfigError, match=r"unknown key 'execution\.slurm\.partitions'; did you mean 'partition'"):
        parsed(slurm={"partitions": "cpu"})


def test_local_is_the_default(tmp_path: Path) -> None:
    pool = opened(tmp_path, Execution())
    assert isinstance(pool, LocalPool) and pool.workers == 3


def test_a_backend_that_is_not_there_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="no sbatch here"):
        opened(tmp_path, Execution(backend="slurm"))
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "ray" else found(name, *a))
    with pytest.raises(ConfigError, match=r'pip install "midmix\[ray\]"'):
        opened(tmp_path, Execution(backend="ray"))
    monkeypatch.undo()
    (tmp_path / "ray").mkdir()  # a folder of that name where Python looks is not Ray
    monkeypatch.syspath_prepend(tmp_path)
    if found("ray") is None or found("ray").origin is None:  # type: ignore[union-attr]
        with pytest.raises(ConfigError, match="not installed"):
            opened(tmp_path, Execution(backend="ray"))


def test_a_rank_that_fits_no_node_of_ray_is_refused_instead_of_waiting_for_ever() -> None:
    nodes = [
        {"Alive": True, "Resources": {"CPU": 4.0, "memory": 8 * 2**30}},
        {"Alive": False, "Resources": {"CPU": 64.0, "memory": 512 * 2**30}},
    ]
    _refuse_too_small(nodes, Ray(cpus_per_task=2, mem_per_cpu_gb=4))
    for settings in (Ray(cpus_per_task=2, mem_per_cpu_gb=5), Ray(cpus_per_task=8, mem_per_cpu_gb=1)):
        with pytest.raises(ConfigError, match="no node of the Ray cluster has them"):
            _refuse_too_small(nodes, settings)


def test_an_address_of_ray_is_checked_before_ray_tries_it_for_minutes() -> None:
    for address in ("10.0.0.1:6379", "auto", None):
        assert parsed(ray={"address": address}).ray.address == address
    for address in ("ray://10.0.0.1:10001", "10.0.0.1", "local"):
        with pytest.raises(ConfigError, match="expected host:port"):
            parsed(ray={"address": address})
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(StepError, match=f"no Ray cluster answers at {address}"):
            _refuse_unreachable(address)
        listening.listen()
        _refuse_unreachable(address)


def test_directives_are_those_that_were_set() -> None:
    def directives(settings: Slurm) -> dict[str, Any]:
        executor = ArrayExecutor([], tasks=9, time=settings.time, partition=settings.partition, workers=4, qos=None,
                                 sbatch_args=settings.sbatch_args, logging_dir="memory://x", slurm_logs_folder=".",
                                 job_name="midmix-1")  # fmt: skip
        return executor.get_sbatch_args(9)  # type: ignore[no-any-return]

    plain = directives(Slurm())
    assert plain["array"] == "0-8%4" and plain["job-name"] == "midmix-1"
    assert not {"partition", "qos", "mail-type"} & plain.keys()
    mine = directives(Slurm(partition="cpu", sbatch_args={"account": "x", "exclusive": ""}))
    assert (mine["partition"], mine["account"], mine["exclusive"]) == ("cpu", "x", "")


@pytest.mark.parametrize(
    ("answer", "code", "ended"),
    [
        ("PENDING\nRUNNING\nCOMPLETED\n", 0, None),
        ("COMPLETING\nCOMPLETED\n", 0, None),
        ("COMPLETED\nOUT_OF_MEMORY\nOUT_OF_MEMORY\n", 0, "1 COMPLETED, 2 OUT_OF_MEMORY (job midmix-1"),
        ("", 0, "no longer known to Slurm (job midmix-1"),
        ("", 1, None),  # the controller is away
    ],
)
def test_what_slurm_says_of_a_job(
    answer: str, code: int, ended: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answered(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert command[0] == "squeue" and "--name=midmix-1" in command
        return subprocess.CompletedProcess(command, code, answer)

    monkeypatch.setattr(slurm, "FIRST_ASK_SECONDS", 0.0)
    monkeypatch.setattr(subprocess, "run", answered)
    said = SlurmJob("midmix-1", tmp_path).ended()
    assert said == ended if ended is None else said is not None and said.startswith(ended)
    if code:
        monkeypatch.setattr(slurm, "UNANSWERED_SECONDS", -1.0)
        with pytest.raises(StepError, match="squeue has not answered"):
            SlurmJob("midmix-1", tmp_path).ended()
