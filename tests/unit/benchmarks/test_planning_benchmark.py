"""`benchmarks/planning.py`: planning at full size within its limits, and a cost that grows as the shards do."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from midmix.mixer.plan.manifest import parse_plan
from midmix.mixer.plan.step import make_plan
from midmix.table_manifest import load_manifest
from midmix.tables import EVIDENCE, PARTS, SOURCES, TOKENS, WEIGHTS
from midmix.task import Output, Task

FOLDER = Path(__file__).parents[3] / "benchmarks"
DOMAINS = 8


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield importlib.import_module("planning")


def cpu_seconds(bench: ModuleType, base: Path, shards: int) -> float:
    """Of the step's work over so many shards of eight domains; the least of three, the others being disturbed."""
    config, folder = bench.write_run(base, shards, DOMAINS), base / "run"
    reads = (TOKENS, WEIGHTS, EVIDENCE, PARTS, SOURCES)
    inputs = {t.name: load_manifest(folder, t.name).paths(folder) for t in reads}
    task = Task("all", None, {"": {}}, inputs, {}, config, folder, 2**30, 7)
    seconds = []
    for _ in range(3):
        output = Output(folder, "all", None)
        before = time.process_time()
        make_plan(task, output)
        seconds.append(time.process_time() - before)
    (path,) = (folder / a.path for _, _, a in output.attached if a.name == "plan.json")
    assert sum(len(d.shards) for d in parse_plan(path.read_bytes(), "plan.json").domains) >= shards
    return min(seconds)


def test_eight_times_the_shards_take_about_eight_times_the_time(bench: ModuleType, tmp_path: Path) -> None:
    """Half as much again is what a shared machine adds; what grows by the square takes 64 times the time."""
    few = cpu_seconds(bench, tmp_path / "few", 1_000)
    assert cpu_seconds(bench, tmp_path / "many", 8_000) <= 12 * few


@pytest.mark.full
def test_100_000_shards_of_500_domains_are_planned_in_30_seconds_and_a_gibibyte(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    subprocess.run([sys.executable, str(FOLDER / "planning.py"), "--json", str(figures)], check=True)
    found = json.loads(figures.read_text())
    assert (found["domains"], found["shards_planned"] >= 100_000) == (500, True)
    assert found["planning_cpu_seconds"] <= 30
    assert found["peak_rss_mib"] <= 1024
