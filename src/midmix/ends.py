"""How a command ends: its exit code, and on a failure words that say what to do instead of a traceback."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from midmix.errors import MidmixError

STOPPED = 130  # what typer makes of Ctrl-C


@contextmanager
def as_long_as_read() -> Iterator[None]:
    """Write to standard output; a reader that has enough, such as `head`, is no failure."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def guarded(call: Callable[[], Any], *, debug: bool) -> int:
    """Call, and return the exit code: 0 done, 1 failed, 2 wrong usage or config. `debug` shows tracebacks."""
    try:
        call()
    except SystemExit as done:
        if done.code != STOPPED:
            return int(done.code or 0)
        sys.stderr.write("midmix: stopped; run it again to go on from here\n")
        return 1
    except Exception as error:
        if debug:
            traceback.print_exc()
        else:
            sys.stderr.write(f"midmix: {_words_of(error)}\n")
        return error.exit_code if isinstance(error, MidmixError) else 1
    return 0


def _words_of(error: Exception) -> str:
    if isinstance(error, MidmixError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error}. Mend that and run it again; what was finished is kept."
    return f"{type(error).__name__}: {error}\nThis is a fault of midmix; --debug shows where."
