"""Memory that a call freed goes back to the system before it is much beside what the next call may take."""

from __future__ import annotations

import ctypes

_FIELDS = (
    "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
)  # fmt: skip


class _Mallinfo(ctypes.Structure):
    """What glibc's `mallinfo2` returns; `fordblks` are the bytes that were freed and kept."""

    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS]


def give_back(most_kept_bytes: int) -> None:
    """Give freed memory back to the system where more than so much is kept; nothing on other C libraries than glibc.

    glibc keeps up to the peak of every call before, so that one step's peak lies beneath the next one's. Giving back
    after every call, however little it freed, took 4% of deduplication's time: pages must be asked for again.
    """
    library = ctypes.CDLL(None)
    try:
        library.mallinfo2.restype = _Mallinfo
        kept_bytes = int(library.mallinfo2().fordblks)
    except AttributeError:
        return
    if kept_bytes > most_kept_bytes:
        library.malloc_trim(0)
