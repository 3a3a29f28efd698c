"""The same run on Slurm and on Ray: the bytes of the local one, also after a kill, and errors in their own words."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import midmix
from midmix.config.execution import Execution, Ray, Slurm
from midmix.errors import StepError
from midmix.execution import open_pool
from midmix.progress import Progress

pytestmark = pytest.mark.full
WriteConfig = Callable[..., Path]
Settings = tuple[str, ...]
PACKAGES = str(Path(midmix.__file__).parents[1])


@pytest.fixture(params=["slurm", "ray"])
def cluster(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The config of a backend, with which it is used by the command."""
    monkeypatch.setenv("PYTHONPATH", PACKAGES)
    if request.param == "slurm":
        request.getfixturevalue("slurm_node")
        return ("execution.backend=slurm", "execution.slurm.mem_per_cpu_gb=1", "execution.slurm.partition=all")
    address = request.getfixturevalue("ray_address")
    return ("execution.backend=ray", "execution.ray.mem_per_cpu_gb=0.5", f"execution.ray.address={address}")


def command(config: Path, out: Path, *settings: str) -> list[str]:
    assignments = [argument for setting in (*settings, "execution.tasks=3") for argument in ("--set", setting)]
    return [sys.executable, "-m", "midmix", "run", str(config), "--out", str(out), "--until", "decide", *assignments]


def run(config: Path, out: Path, *settings: str) -> str:
    """What the run says; it must succeed."""
    done = subprocess.run(command(config, out, *settings), check=False, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    return done.stderr


def published(out: Path) -> dict[str, bytes]:
    """Bytes of every published file by path, and of every manifest; STEPS holds a clock."""
    files = {}
    for path in sorted((out / "tables").glob("*.json")):
        if path.stem != "steps":
            value = json.loads(path.read_text())
            files[path.name] = path.read_bytes()
            files |= {e["path"]: (out / e["path"]).read_bytes() for e in [*value["files"], *value["attached"]]}
    return files


@pytest.fixture(scope="module")
def config(corpus: Path, write_config: WriteConfig) -> Path:
    """A run of several parts."""
    return write_config(
        corpus, "cluster.yaml", ("crawl", "proofs", "repos"), mixture=None, proxy=None, part_bytes=400_000
    )


@pytest.fixture(scope="module")
def local(config: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the local run publishes."""
    out = tmp_path_factory.mktemp("local") / "run"
    run(config, out)
    return published(out)


def assert_same(ours: dict[str, bytes], theirs: dict[str, bytes]) -> None:
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []


def start_until(step: str, done: int, config: Path, out: Path, *settings: str) -> subprocess.Popen[bytes]:
    """A run that was started, once `done` tasks of a step are."""
    # Where tests run in the background of a shell, Ctrl-C is ignored, and would be by the run.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with out.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(command(config, out, *settings), stdout=subprocess.DEVNULL, stderr=log)
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        assert process.poll() is None, out.with_suffix(".log").read_text()
        try:
            state = json.loads((out / "state" / "running.json").read_text())
            if state["step"] == step and state["done"] >= done and state["total"] > 3:
                return process
        except (OSError, ValueError):
            pass
        time.sleep(0.01)
    raise AssertionError(f"{step} was not reached: {out.with_suffix('.log').read_text()}")


def ranks_of(out: Path) -> list[int]:
    """Processes that do calls of a run."""
    found = subprocess.run(["pgrep", "-f", f"midmix.execution.rank {out}/state"], check=False, capture_output=True)
    return [int(number) for number in found.stdout.split()]


def await_no_ranks(out: Path) -> None:
    deadline = time.monotonic() + 30
    while ranks_of(out):
        assert time.monotonic() < deadline, "ranks outlived their run"
        time.sleep(0.2)


def test_the_bytes_are_those_of_the_local_run(
    cluster: Settings, config: Path, local: dict[str, bytes], tmp_path: Path
) -> None:
    said = run(config, tmp_path / "run", *cluster)
    assert said.count(f"3 ranks of {'Ray' if 'ray' in cluster[0] else 'Slurm'}, job midmix-") >= 4
    assert_same(published(tmp_path / "run"), local)
    assert list((tmp_path / "run" / "state" / "jobs").iterdir()) == []
    await_no_ranks(tmp_path / "run")


def test_killed_twice_and_resumed_at_once_the_bytes_are_the_same(
    cluster: Settings, config: Path, local: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    for step, done in (("ingest", 1), ("score", 2)):
        process = start_until(step, done, config, out, *cluster)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    run(config, out, *cluster)  # at once, as the ranks of the killed run still work
    assert_same(published(out), local)
    await_no_ranks(out)


def test_killed_on_a_cluster_a_run_is_resumed_on_this_machine(
    cluster: Settings, config: Path, local: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    process = start_until("score", 1, config, out, *cluster)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    run(config, out)
    assert_same(published(out), local)


def test_ctrl_c_ends_the_ranks(cluster: Settings, config: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = start_until("score", 1, config, out, *cluster)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 1
    assert "stopped; run it again to go on from here" in out.with_suffix(".log").read_text()
    await_no_ranks(out)
    if "slurm" in cluster[0]:
        deadline = time.monotonic() + 30
        while subprocess.run(["squeue", "--noheader"], check=True, capture_output=True).stdout:
            assert time.monotonic() < deadline, "jobs outlived their run"
            time.sleep(0.2)


# -- batches of shell commands, which need no corpus


@pytest.fixture
def do(cluster: Settings, tmp_path: Path) -> Iterator[Callable[[list[str]], None]]:
    """Does shell commands as calls of a batch, a rank each, three at once."""
    settings: dict[str, Any] = {"tasks": 9}
    if "slurm" in cluster[0]:
        execution = Execution(backend="slurm", slurm=Slurm(mem_per_cpu_gb=1, time="1"), **settings)
    else:
        address = cluster[2].partition("=")[2]
        execution = Execution(backend="ray", ray=Ray(mem_per_cpu_gb=0.5, address=address), **settings)
    (tmp_path / "state").mkdir()
    locks = (tmp_path / "state" / "lock", tmp_path / "state" / "workers.lock")
    call: Callable[..., Any] = subprocess.call
    with (
        locks[0].open("a") as lock,
        open_pool(execution, tmp_path, locks, Progress(tmp_path, quiet=True), workers=3) as pool,
    ):
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX)  # workers end where nobody holds it

        def do(commands: list[str]) -> None:
            calls = [(["/bin/sh", "-c", line],) for line in commands]
            pool.map(call, calls, title="test: shell", total=len(calls), sizes=[0] * len(calls))

        yield do


def test_a_killed_rank_says_so_and_the_others_are_kept(do: Callable[[list[str]], None], tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"rank 1 on .* was killed \(SIGKILL\), most likely for memory"):
        do([f"echo > {tmp_path}/0.done", "kill -9 $PPID", f"sleep 1; echo > {tmp_path}/2.done"])
    do([f"echo > {tmp_path}/3.done", "true"])  # the backend works on
    assert {path.name for path in tmp_path.glob("*.done")} >= {"3.done"}


def test_ranks_at_the_same_time_are_on_several_raylets(
    ray_address: str, cluster: Settings, do: Callable[[list[str]], None], tmp_path: Path
) -> None:
    if "slurm" in cluster[0]:
        pytest.skip("about Ray")
    # The parents of a call: its process, the rank, the actor, and the raylet that started that.
    ancestor = "p=$$; for i in 1 2 3 4; do p=$(ps -o ppid= -p $p | tr -d ' '); done; echo $p $(ps -o comm= -p $p)"
    meet = f"; while [ $(ls {tmp_path}/*.raylet | wc -l) -lt 3 ]; do sleep 0.1; done"
    do([f"({ancestor}) > {tmp_path}/{i}.raylet {meet}" for i in range(3)])
    found = {path.read_text().strip() for path in tmp_path.glob("*.raylet")}
    assert len(found) == 3 and {line.split()[1] for line in found} == {"raylet"}


def test_what_slurm_ends_from_outside_is_missed_and_said(
    cluster: Settings, do: Callable[[list[str]], None], tmp_path: Path
) -> None:
    if "ray" in cluster[0]:
        pytest.skip("about Slurm")
    with pytest.raises(
        StepError, match=r"(?s)2 of 3 tasks were not done, .* CANCELLED.*run again: finished parts are kept"
    ):
        # The shells outlive Slurm's SIGTERM, lest one of them returns before its rank is gone.
        do([f"echo > {tmp_path}/0.done", f"trap '' TERM; while [ ! -e {tmp_path}/0.done ]; do sleep 0.1; done; sleep 3; "
            f"scancel $SLURM_ARRAY_JOB_ID; sleep 60", "trap '' TERM; sleep 60"])  # fmt: skip


def test_what_slurm_refuses_leaves_nothing_behind(slurm_node: Path, cluster: Settings, tmp_path: Path) -> None:
    if "ray" in cluster[0]:
        pytest.skip("about Slurm")
    execution = Execution(backend="slurm", slurm=Slurm(partition="nowhere"))
    locks = (tmp_path / "a", tmp_path / "b")
    call: Callable[..., Any] = subprocess.call
    with open_pool(execution, tmp_path, locks, Progress(tmp_path, quiet=True)) as pool:
        with pytest.raises(StepError, match="sbatch refused the job"):
            pool.map(call, [(["true"],)] * 2, title="test: shell", total=2, sizes=[0, 0])
        assert list((tmp_path / "state" / "jobs").iterdir()) == []
