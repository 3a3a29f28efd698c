"""What a call freed goes back to the system, unless it is little beside what a task may take."""

import ctypes
from pathlib import Path

import pytest

from midmix.execution.call import attempt
from midmix.execution.freed import give_back
from midmix.task import Task

MB = 2**20
STATUS = Path("/proc/self/status")
pytestmark = pytest.mark.skipif(
    not STATUS.exists() or not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc gives memory back when asked"
)


def private_bytes() -> int:
    """Private memory of this process that is in use or kept."""
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


@pytest.mark.parametrize(("memory_mb", "goes_back"), [(64, True), (640, True), (2048, False)])
def test_what_a_call_freed_goes_back_unless_it_is_little(tmp_path: Path, memory_mb: int, goes_back: bool) -> None:
    held = []

    def work(task: Task) -> None:
        blocks = [bytearray(b"x" * 100_000) for _ in range(1500)]
        held.append(blocks[-1])  # at the end of the heap, which without being asked shrinks from its end alone

    give_back(0)  # what other tests left
    before = private_bytes()
    attempt(work, (Task("part", None, {}, {}, {}, None, tmp_path, memory_mb * MB, 1),), debug=False)
    assert (private_bytes() - before < 30 * MB) == goes_back
