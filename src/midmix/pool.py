"""What steps see of the processes that do their work. Results never depend on how many there are, nor where."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

# Every library in a worker gets one thread: parallel work is parts, and threads change the order of sums.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS"), "1"
) | {"TOKENIZERS_PARALLELISM": "false"}

# What a pool calls: a top-level function, which may return the files that it wrote last of all.
Function = Callable[..., Iterable[Path] | None]


class Pool(ABC):
    """Processes that are started with the first batch of calls and used by all steps of a run."""

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the running calls, which are kept; after Ctrl-C cut them off, as nothing half-written is ever read."""

    @abstractmethod
    def map(
        self, function: Function, calls: Sequence[tuple[Any, ...]], *, title: str, total: int, sizes: Sequence[int]
    ) -> None:
        """Call `function(*call)` for each call; the first error ends it, after the running calls.

        `total` counts calls done before as well, `sizes` are bytes per call, for the progress shown. Raises the error
        of the call where it is a MidmixError, else StepError.
        """

    @abstractmethod
    def say(self, line: str) -> None:
        """Show a line to people, where this pool shows progress."""
