"""What one job of a design has left: its model's size, and its losses after the last step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Trained:
    """`losses` are nats per predicted token by metric, as the trainer wrote them; `parameters` None where it does not say."""

    parameters: int | None
    losses: Mapping[str, object]
