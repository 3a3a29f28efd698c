"""One call of a batch, wherever it runs: what it raises is an error of midmix, which can be told to the user."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from midmix.errors import MidmixError, StepError
from midmix.execution.freed import give_back
from midmix.pool import Function
from midmix.task import Task

# What a task may take, over what may stay freed and not given back after it.
KEPT_PART = 8


def attempt(function: Function, arguments: tuple[Any, ...], debug: bool) -> Iterable[Path] | None:
    """What the function returns. Raises MidmixError; with `debug`, whatever the function raises."""
    task = next((value for value in arguments if isinstance(value, Task)), None)
    try:
        return function(*arguments)
    except (MidmixError, KeyboardInterrupt):
        raise
    except Exception as error:
        if debug:
            raise
        item = task.item if task else ""
        if isinstance(error, OSError):
            raise StepError(
                f"{item}: {error}. Mend that (free space, allow access) and run it again: finished parts are kept."
            ) from None
        raise StepError(
            f"{item}: {type(error).__name__}: {error}. This is a fault of midmix or of the machine, not of the config; "
            f"--debug shows where."
        ) from None
    finally:
        if task:
            give_back(task.memory_bytes // KEPT_PART)
