"""Ranks as tasks of a Slurm array, by datatrove's executor."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from datatrove.executor.slurm import SlurmPipelineExecutor
from datatrove.utils.logging import logger

from midmix.config.execution import Slurm
from midmix.errors import ConfigError, StepError
from midmix.execution.batch import Batch
from midmix.execution.local import environment
from midmix.execution.rank import Rank

FIRST_ASK_SECONDS, LAST_ASK_SECONDS = 1.0, 15.0
LOG_LINES = 3
UNANSWERED_SECONDS = 600.0  # how long a controller may be away, as when it is restarted
# States in which nothing of a task runs or will run.
_ENDED = {
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",
    "TIMEOUT",
}  # fmt: skip


class ArrayExecutor(SlurmPipelineExecutor):  # type: ignore[misc]
    """datatrove's executor without its job that merges statistics, which would wait for ever after a failed rank.

    A rank is started by the Python `python`, so that no script needs to be on the path of a node.
    """

    def __init__(self, *arguments: Any, python: str = sys.executable, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.python = python

    def get_launch_file_contents(self, sbatch_args: dict[str, Any], run_script: str) -> str:
        """The script of the job."""
        module = f"{shlex.quote(self.python)} -m datatrove.tools.launch_pickled_pipeline"
        script = run_script.replace("launch_pickled_pipeline", module, 1)
        return str(super().get_launch_file_contents(sbatch_args, script))

    def launch_merge_stats(self) -> None:
        """Do nothing."""

    def get_sbatch_args(self, max_array: int = 1) -> dict[str, Any]:
        """The directives that have a value; datatrove's default for a setting is not every cluster's."""
        return {name: value for name, value in super().get_sbatch_args(max_array).items() if value is not None}


class SlurmBackend:
    """Slurm, by the commands sbatch, squeue and scancel of this machine."""

    name = "Slurm"

    def __init__(self, settings: Slurm) -> None:
        if not shutil.which("sbatch"):
            raise ConfigError(
                "execution.backend is slurm, but there is no sbatch here. Start midmix where jobs are submitted, or "
                "set execution.backend=local."
            )
        self.settings, self.max_ranks = settings, settings.max_array_size

    def submit(self, batch: Batch, num_ranks: int, at_once: int) -> SlurmJob:
        """Start the ranks as one array. Raises StepError when Slurm refuses it."""
        s = self.settings
        logger.disable("datatrove")
        executor = ArrayExecutor(
            [Rank(str(batch.folder))],
            tasks=num_ranks,
            time=s.time,
            partition=s.partition,
            cpus_per_task=s.cpus_per_task,
            mem_per_cpu_gb=s.mem_per_cpu_gb,
            workers=at_once,
            job_name=batch.name,
            qos=None,
            env_command=s.env_command,
            venv_path=None if s.venv is None else shlex.quote(os.path.join(s.venv, "bin", "activate")),
            python="python" if s.env_command or s.venv else sys.executable,
            sbatch_args=s.sbatch_args,
            max_array_size=s.max_array_size,
            logging_dir=str(batch.folder / "datatrove"),
            slurm_logs_folder=str(batch.folder / "slurm"),
            mail_type="NONE",
        )
        # A run may itself be a job, whose own variables would be taken for those of its ranks.
        own: dict[str, str | None] = {n: None for n in os.environ if n.startswith("SLURM_") and n != "SLURM_CONF"}
        with environment(own):
            try:
                executor.launch_job()
            except subprocess.CalledProcessError as error:
                raise StepError(
                    f"sbatch refused the job (exit code {error.returncode}); its own words are above. Mend "
                    f"execution.slurm in the config and run again: finished parts are kept."
                ) from None
        return SlurmJob(batch.name, batch.folder)

    def close(self, *, kill: bool) -> None:
        """Nothing is held."""


class SlurmJob:
    """An array by the name of its batch, which no other job has."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self._pause, self._last, self._answered = FIRST_ASK_SECONDS, time.monotonic(), time.monotonic()

    def ended(self) -> str | None:
        """See `Job`; Slurm is asked ever more rarely."""
        now = time.monotonic()
        if now - self._last < self._pause:
            return None
        self._last, self._pause = now, min(self._pause * 1.3, LAST_ASK_SECONDS)
        states = self._states()
        if states is None:
            if now - self._answered > UNANSWERED_SECONDS:
                raise StepError(f"squeue has not answered for {UNANSWERED_SECONDS / 60:.0f} minutes; job {self.name}")
            return None
        self._answered = now
        if not states.keys() <= _ENDED:
            return None
        found = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        words = "" if states.keys() <= {"COMPLETED"} else self._last_words()
        return f"{found or 'no longer known to Slurm'} (job {self.name}{words})"

    def _last_words(self) -> str:
        """The end of the log that was written last."""
        logs = sorted((self.folder / "slurm").glob("*.out"), key=lambda path: path.stat().st_mtime)
        lines = logs[-1].read_text(errors="replace").splitlines()[-LOG_LINES:] if logs else []
        return "".join(f"\n  {line}" for line in lines)

    def _states(self) -> Counter[str] | None:
        command = ["squeue", "--noheader", "--array", "--states=all", f"--name={self.name}", "--format=%T"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        return Counter(done.stdout.split()) if done.returncode == 0 else None

    def drop_waiting(self) -> None:
        """See `Job`."""
        self._cancel("--state=PENDING")

    def cancel(self) -> None:
        """See `Job`."""
        self._cancel()

    def _cancel(self, *which: str) -> None:
        subprocess.run(["scancel", "--quiet", f"--name={self.name}", *which], check=False, capture_output=True)
