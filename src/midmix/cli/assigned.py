"""A run under other settings than its own, for commands that only look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from midmix.run import Run


def with_assignments(run: Run, assignments: tuple[str, ...]) -> Run:
    """The run under its config with assignments such as mixture.tokens=1000 applied. Raises ConfigError."""
    from midmix.config import parse_config
    from midmix.config.text import assign
    from midmix.run import Run

    if not assignments:
        return run
    values: dict[str, Any] = run.config.model_dump(mode="json", exclude_unset=True)
    for assignment in assignments:
        assign(values, assignment)
    return Run(run.folder, parse_config(values, base=run.config.base, name="--set"))
