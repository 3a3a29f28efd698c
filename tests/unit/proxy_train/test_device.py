"""One process per device."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from midmix.proxy_train.device import held_device, held_lock

HOLD = """
import sys, pathlib
from midmix.proxy_train.device import held_lock
with held_lock([pathlib.Path(p) for p in sys.argv[1:]]) as place:
    print(place, flush=True)
    sys.stdin.read()
"""


def test_without_cuda_it_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with held_device() as device:
        assert device == torch.device("cpu")


def test_processes_get_different_devices_and_one_that_ends_frees_its_own(tmp_path: Path) -> None:
    paths = [tmp_path / "0.lock", tmp_path / "1.lock"]
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, *map(str, paths)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "0\n"
    with held_lock(paths) as place:
        assert place == 1
        taken: list[int] = []

        def wait_for_one() -> None:
            with held_lock(paths) as found:
                taken.append(found)

        waiting = threading.Thread(target=wait_for_one)
        waiting.start()
        time.sleep(0.5)
        assert not taken  # both are in use
        other.kill()
        other.wait()
        waiting.join(timeout=10)
        assert taken == [0]
    with held_lock(paths) as place:
        assert place == 0
