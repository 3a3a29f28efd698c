"""The tests of kernels on a GPU, run by Triton's interpreter: numbers, ragged shapes, NaN, repeats."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="triton is not installed; torch's CPU build brings none"
)
def test_kernels_pass_their_gpu_tests_in_the_interpreter(repository: Path) -> None:
    # The interpreter has to be asked for before a kernel's module is imported, so it gets a process of its own.
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "tests/gpu/kernels"],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout and "skipped" not in done.stdout, done.stdout
