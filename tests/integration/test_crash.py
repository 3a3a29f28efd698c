"""Killed at any step and started again, a run ends with the bytes of an undisturbed one, elsewhere."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from midmix.status import status_lines

WriteConfig = Callable[..., Path]


def command(config: Path, out: Path, workers: int) -> list[str]:
    return [
        sys.executable,
        "-m",
        "midmix",
        "run",
        str(config),
        "--out",
        str(out),
        "--workers",
        str(workers),
        "--until",
        "tokenize",
    ]


def kill_in(step: str, config: Path, out: Path) -> str:
    """Start a run, kill it with all its workers' parent when `step` runs, and return what status says then."""
    log = out.with_suffix(".log")
    with log.open("wb") as stream:
        process = subprocess.Popen(command(config, out, 2), stdout=subprocess.DEVNULL, stderr=stream)
    state = out / "state" / "running.json"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if json.loads(state.read_text())["step"] == step:
                break
        except (OSError, ValueError):
            pass
        time.sleep(0.005)
    assert process.poll() is None, f"the run ended before {step} was seen: {log.read_text()}"
    lines = status_lines(out)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert f"interrupted in {step}" in status_lines(out)[0]
    return lines[0]


def await_workers_end(out: Path) -> None:
    """Workers of a killed run end by themselves; the lock that each holds tells."""
    deadline = time.monotonic() + 30
    with (out / "state" / "workers.lock").open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                assert time.monotonic() < deadline, "a worker outlived its run"
                time.sleep(0.05)


def published(out: Path) -> dict[str, bytes]:
    """Bytes of every published file by path, and of every manifest; STEPS holds a clock."""
    files = {}
    for path in sorted((out / "tables").glob("*.json")):
        if path.stem == "steps":
            continue
        value = json.loads(path.read_text())
        files[path.name] = path.read_bytes()
        files |= {e["path"]: (out / e["path"]).read_bytes() for e in [*value["files"], *value["attached"]]}
    return files


@pytest.mark.parametrize("steps", [("ingest", "score", "dedup"), ("classify", "decide", "tokenize")])
def test_killed_in_three_steps_and_resumed(
    corpus: Path, write_config: WriteConfig, tmp_path: Path, steps: tuple[str, ...]
) -> None:
    config = write_config(corpus, "crash.yaml", ("crawl", "proofs", "repos"), mixture=None, proxy=None)
    values = yaml.safe_load(config.read_text())
    of_metadata = {"group": "metadata->>'$.metadata.wheel'", "group_order": "metadata->>'$.metadata.path'"}
    values["sources"]["repos"] |= of_metadata
    config.write_text(yaml.safe_dump(values, sort_keys=False))
    out = tmp_path / "killed"
    for step in steps:
        assert f"running: {step}," in kill_in(step, config, out)
    subprocess.run(command(config, out, 1), check=True, capture_output=True)
    subprocess.run(command(config, tmp_path / "undisturbed", 2), check=True, capture_output=True)
    ours, theirs = published(out), published(tmp_path / "undisturbed")
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []


def test_a_second_writer_is_refused(corpus: Path, write_config: WriteConfig, tmp_path: Path) -> None:
    config = write_config(corpus, "crash.yaml", ("crawl", "proofs", "repos"), mixture=None, proxy=None)
    first = subprocess.Popen(command(config, tmp_path / "run", 1), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tmp_path / "run" / "state" / "running.json").exists():
        assert first.poll() is None
        time.sleep(0.02)
    second = subprocess.run(command(config, tmp_path / "run", 1), check=False, capture_output=True, text=True)
    assert second.returncode == 1 and "another midmix is running here" in second.stderr
    first.kill()
    first.wait()
    await_workers_end(tmp_path / "run")
