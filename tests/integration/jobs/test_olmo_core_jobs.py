"""Jobs of OLMo-core run on a CPU from a checkpoint that OLMo-core made; what they measure comes back into a fit."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from midmix.flow import steps_between
from midmix.measured_texts import measured_texts
from midmix.mixer.jobs.make import make_jobs
from midmix.mixer.results.add import add_results
from midmix.run import open_run
from midmix.runner import run_steps
from midmix.table_files import read_table
from midmix.tables import DESIGNS, LAWS, LOSSES

HERE = Path(__file__).parent
TOKENS, STEPS, STABLE_STEPS, RATE = 8_192, 32, 12, 4e-3

pytestmark = [
    pytest.mark.full,
    pytest.mark.timeout(1800),  # ten starts of OLMo-core, of 10 to 30 s each
    pytest.mark.skipif(
        importlib.util.find_spec("olmo_core") is None,
        reason="needs ai2-olmo-core: pip install torch==2.13.0 ai2-olmo-core==3.0.0",
    ),
]


def python(*arguments: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [str(argument) for argument in arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def metrics(job: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (job / "metrics.jsonl").read_text().splitlines()]


def final(job: Path) -> dict[str, float]:
    line = next(line for line in reversed(metrics(job)) if "eval/lm/domain:web/CE loss" in line)
    return {n[8:-8]: v for n, v in line.items() if n.startswith("eval/lm/") and n.endswith("/CE loss")}


def test_a_design_runs_and_its_losses_are_fitted(run: Path, tmp_path: Path) -> None:
    web = next(iter(run.glob("data/tokens/main/web/train-00000-*.bin")))
    python(sys.executable, HERE / "stable_phase.py", web, tmp_path / "stable")
    checkpoint, folder = tmp_path / "stable" / f"step{STABLE_STEPS}", tmp_path / "jobs"
    opened = open_run(run)
    jobs = make_jobs(opened, "olmo-core", checkpoint, folder, lambda n: measured_texts(opened, n), TOKENS)
    python("bash", folder / "run-all.sh", LAUNCH=sys.executable)

    for job in jobs.jobs:
        head, *lines = metrics(folder / job.folder)
        assert (head["run"], head["learning_rate"]) == (job.run, RATE)
        rates = {line["step"]: line["optim/LR (group 0)"] for line in lines if "optim/LR (group 0)" in line}
        # The rate goes on from the checkpoint's and ends at 0.
        assert rates == pytest.approx({k: RATE * (1 - k / STEPS) for k in range(1, STEPS + 1)}, abs=1e-9)
        # The trainer's state was not loaded: steps and tokens begin anew.
        last = next(line for line in reversed(lines) if "throughput/total tokens" in line)
        assert last["throughput/total tokens"] == TOKENS
    check_built(folder / "run-000005", jobs.jobs[5].mixture)
    check_optimizer(folder / "run-000005")
    check_losses(folder, "run-000005", checkpoint)
    check_restart(folder / "run-000005")

    assert add_results(run, [folder], origin=None, defaults={}).rows == {"new": 8}
    assert add_results(run, [folder], origin=None, defaults={}).rows == {"known": 16}
    rows = read_table(run, LOSSES).to_pylist()
    assert {(r["origin"], r["parameters"], r["tokens"], r["step"]) for r in rows} == {
        ("olmo-core", 65_696, TOKENS, STEPS)
    }
    run_steps(opened.config, run, steps_between("fit", "fit"), workers=1, quiet=True)
    laws = [law for law in read_table(run, LAWS).to_pylist() if law["chosen"]]
    assert {law["metric"] for law in laws} == {"domain:code", "domain:math", "domain:web", "set:proofs"}
    assert {law["num_runs"] for law in laws} == {8}
    assert all(law["noise_sd"] is not None for law in laws)  # two mixtures were run with two seeds
    # The web alone is the best for the web, and the most math is the best for math and its items.
    best = {m: min((r["value"], r["run"]) for r in rows if r["metric"] == m and r["unit"] == "bits_per_byte") for m in
            ("domain:web", "domain:math", "set:proofs")}  # fmt: skip
    weights = {(r["run"], r["domain"]): r["weight"] for r in read_table(run, DESIGNS).to_pylist()}
    assert weights[best["domain:web"][1], "web"] == 1.0
    assert weights[best["domain:math"][1], "math"] == weights[best["set:proofs"][1], "math"] == 0.4


def check_built(job: Path, mixture: dict[str, int]) -> None:
    """OLMo-core's own loader draws the mixture of JOBS.json."""
    said = json.loads(python(sys.executable, job / "load.py", job / "again").splitlines()[-1])
    assert {name: 32 * n for name, n in said["built"].items()} == mixture


def check_optimizer(job: Path) -> None:
    """Moments went on from the checkpoint's: Adam counts its steps over both trainings."""
    from olmo_core.distributed.checkpoint import load_keys

    state = str(job / "checkpoints" / f"step{STEPS}" / "model_and_optim")
    (steps,) = load_keys(state, ["optim.state.embeddings.weight.step"])
    assert int(steps) == STABLE_STEPS + STEPS


def check_losses(folder: Path, job: str, checkpoint: Path) -> None:
    """What the job measured is the mean loss per token of the texts, computed one window at a time."""
    state, config = folder / job / "checkpoints" / f"step{STEPS}", checkpoint / "config.json"
    said = json.loads(python(sys.executable, HERE / "heldout_losses.py", state, config, folder / "evaluation"))
    assert final(folder / job) == pytest.approx(said, rel=1e-5)


def check_restart(job: Path) -> None:
    """A job that is started again goes on from its own checkpoint, which is at its end, and measures the same."""
    before, lines = final(job), len(metrics(job))
    (job / "done").unlink()
    python("bash", job / "job.sh", LAUNCH=sys.executable)
    assert len([line for line in metrics(job)[lines:] if "train/CE loss" in line]) == 0
    assert final(job) == pytest.approx(before, rel=1e-6)
