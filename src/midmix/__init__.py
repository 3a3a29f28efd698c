"""midmix: from raw text shards to a mid-training data plan."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from midmix.run import Run

__version__ = "0.1.0"


def open(folder: str | PathLike[str]) -> Run:
    """The run in `folder`, to be asked: `midmix.open("RUN").sql("SELECT …").pl()`. Raises InputError if there is none."""
    from midmix.run import open_run

    return open_run(folder)
