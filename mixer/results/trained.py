"""What one job of a design has left: its model's size, and its losses at every step where it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Trained:
    """`losses` are nats per predicted token by step and metric, as the trainer wrote them, the job's last step among them.

    `parameters` is None where the trainer does not say.
    """

    parameters: int | None
    losses: Mapping[int, Mapping[str, object]]


@dataclass
class Curve:
    """Values by step as a log is read. Of several attempts the last holds: where one goes back, what was beyond is void."""

    values: dict[int, dict[str, object]] = field(default_factory=dict)
    reached: int = 0

    def reach(self, step: int) -> None:
        """The log tells of training at `step`."""
        if step < self.reached:
            self.values = {at: values for at, values in self.values.items() if at <= step}
        self.reached = step

    def measure(self, step: int, values: Mapping[str, object]) -> None:
        """The log has values of `step`; those that it had before give way."""
        if values:
            self.values.setdefault(step, {}).update(values)
