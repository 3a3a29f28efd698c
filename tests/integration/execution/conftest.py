"""Clusters on this machine: one node of Slurm, and several raylets of Ray. Both are the tests' own and end with them."""

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

NUM_RAYLETS = 3
_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
_SLURM_CONF = """\
ClusterName=midmix
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ReturnToService=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=2000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def _daemon(*command: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_node(folder: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        done = subprocess.run(["sinfo", "--noheader", "--format=%T"], check=False, capture_output=True, text=True)
        if "idle" in done.stdout:
            return
        if time.monotonic() > deadline:
            logs = "\n".join(f"{p.name}:\n{p.read_text(errors='replace')[-2000:]}" for p in folder.glob("*.log"))
            pytest.fail(f"Slurm did not start: {done.stdout}{done.stderr}\n{logs}")
        time.sleep(0.2)


@pytest.fixture(scope="session")
def slurm_node() -> Iterator[Path]:
    """A node of Slurm with two CPUs; SLURM_CONF names it as long as the tests run. Its folder, with logs."""
    missing = [name for name in _PROGRAMS if not shutil.which(name)]
    if missing:
        pytest.skip(f"no {', '.join(missing)}: apt-get install slurm-wlm munge")
    folder = Path(tempfile.mkdtemp(prefix="midmix-slurm-"))
    folder.chmod(0o755)  # munge wants every user to reach its socket
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    host = socket.gethostname().partition(".")[0]
    conf = folder / "slurm.conf"
    conf.write_text(_SLURM_CONF.format(host=host, ports=_free_ports(2), user=getpass.getuser(), folder=folder))
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    munge = ("munged", "--foreground", "--force", f"--socket={folder}/munge.socket", f"--key-file={key}",
             f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log", f"--seed-file={folder}/munged.seed")  # fmt: skip
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("SLURM_CONF", str(conf))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.enter_context(_daemon(*munge, log=folder / "munged.log"))
        while not (folder / "munge.socket").exists():
            time.sleep(0.05)
        stack.enter_context(_daemon("slurmctld", "-D", "-f", str(conf), log=folder / "slurmctld.log"))
        stack.enter_context(_daemon("slurmd", "-D", "-f", str(conf), log=folder / "slurmd.log"))
        stack.callback(subprocess.run, ["scancel", "--quiet", f"--user={getpass.getuser()}"], check=False)
        _await_node(folder)
        yield folder


@pytest.fixture(scope="session")
def ray_address() -> Iterator[str]:
    """The address of a Ray cluster with raylets of one CPU each, so that ranks at the same time are on different ones."""
    pytest.importorskip("ray", reason='no ray: pip install "ray==2.60.0"')
    from ray.cluster_utils import Cluster

    node: dict[str, Any] = {"num_cpus": 1, "memory": 2**30, "object_store_memory": 80 * 2**20}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cluster = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
        try:
            for _ in range(NUM_RAYLETS - 1):
                cluster.add_node(**node)
            cluster.wait_for_nodes()
            yield cluster.address
        finally:
            cluster.shutdown()
