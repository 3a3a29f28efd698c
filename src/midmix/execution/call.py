"""One call of a batch, wherever it runs: what it raises is an error of midmix, which can be told to the user."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from midmix.errors import MidmixError, StepError
from midmix.pool import Function


def attempt(function: Function, arguments: tuple[Any, ...], debug: bool) -> Iterable[Path] | None:
    """What the function returns. Raises MidmixError; with `debug`, whatever the function raises."""
    try:
        return function(*arguments)
    except (MidmixError, KeyboardInterrupt):
        raise
    except Exception as error:
        if debug:
            raise
        item = getattr(arguments[1], "item", "") if len(arguments) > 1 else ""
        if isinstance(error, OSError):
            raise StepError(
                f"{item}: {error}. Mend that (free space, allow access) and run it again: finished parts are kept."
            ) from None
        raise StepError(
            f"{item}: {type(error).__name__}: {error}. This is a fault of midmix or of the machine, not of the config; "
            f"--debug shows where."
        ) from None
