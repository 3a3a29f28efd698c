"""What a batch has come to. Letters: M runs of the batch as it began, X texts."""

from __future__ import annotations

from dataclasses import dataclass, field

from midmix.proxy_train.halving import Judged
from midmix.proxy_train.swarm import Measurement


@dataclass
class Course:
    """Measurements [M, X] of a batch so far, the places of the runs that are left, and those that were judged."""

    places: list[int]
    measured: list[Measurement] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
