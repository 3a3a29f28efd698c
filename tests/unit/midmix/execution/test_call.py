"""One call of a batch, wherever it runs."""

import ctypes
from pathlib import Path

import pytest

from midmix.execution.call import attempt

MB = 2**20
STATUS = Path("/proc/self/status")


def private_bytes() -> int:
    """Private memory of this process that is in use or kept."""
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


@pytest.mark.skipif(
    not STATUS.exists() or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc gives memory back when asked"
)
def test_what_a_call_freed_goes_back_to_the_system() -> None:
    held = []

    def work() -> None:
        blocks = [bytearray(b"x" * 100_000) for _ in range(1500)]
        held.append(blocks[-1])  # at the end of the heap, which without being asked shrinks from its end alone

    before = private_bytes()
    attempt(work, (), debug=False)
    assert private_bytes() - before < 30 * MB
