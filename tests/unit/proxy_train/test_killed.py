"""A training process that is really killed, twice, and started again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from midmix.config import Config
from midmix.flow import FLOW
from midmix.runner import run_steps
from midmix.status import status_lines
from midmix.table_manifest import load_manifest
from midmix.tables import LOSSES, PROXIES

TRAIN = [step for step in FLOW if step.name == "train"]
SCRIPT = """
import json, sys
from pathlib import Path
from midmix.config import parse_config
from midmix.flow import FLOW
from midmix.runner import run_steps
values, base, folder = json.loads(sys.argv[1])
steps = [step for step in FLOW if step.name == "train"]
run_steps(parse_config(values, base=Path(base)), Path(folder), steps, workers=1)
"""


def _killed_later_than(changed: int, folder: Path, values: dict[str, object]) -> int:
    """Kill a training process once the state of its batch is newer than `changed`; when that was written."""
    arguments = json.dumps([values, str(folder.parent), str(folder)])
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, arguments], stderr=subprocess.PIPE)
    state = folder / "state" / "train" / "batch-000.safetensors"
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        if state.exists() and state.stat().st_mtime_ns > changed:
            break
        time.sleep(0.002)
    assert process.poll() is None and process.stderr is not None, process.stderr and process.stderr.read()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()
    assert "interrupted in train" in status_lines(folder)[0]
    return state.stat().st_mtime_ns


def _bytes(folder: Path) -> dict[str, bytes]:
    manifests = [load_manifest(folder, table.name) for table in (LOSSES, PROXIES)]
    paths = [entry.path for m in manifests for entry in (*m.files, *m.attached)]
    return {path: (folder / path).read_bytes() for path in paths}


def test_killed_twice_and_resumed_ends_with_the_bytes_of_an_undisturbed_run(
    make_run: Callable[[str], Path], make_config: Callable[..., Config]
) -> None:
    config = make_config(tokens=64 * 600, rows_per_batch=4)
    undisturbed, killed = make_run("undisturbed"), make_run("killed")
    run_steps(config, undisturbed, TRAIN, workers=1, quiet=True)
    values = json.loads(config.model_dump_json(exclude_unset=True))
    first = _killed_later_than(0, killed, values)
    _killed_later_than(first, killed, values)
    run_steps(config, killed, TRAIN, workers=1, quiet=True)
    ours, theirs = _bytes(killed), _bytes(undisturbed)
    assert ours.keys() == theirs.keys() and len(ours) == 5
    assert [path for path in ours if ours[path] != theirs[path]] == []
    said = (killed / "state" / "within" / "said").read_text()
    assert said.startswith("batch-000: goes on from step ")
    assert not (killed / "state" / "train").exists()
