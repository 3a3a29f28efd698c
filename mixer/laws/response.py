"""Losses on a logarithmic scale, where noise that is even in the losses is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from midmix.mixer.laws.process import Process
from midmix.mixer.simplex import F64

GAP_OF_RANGE, GAP_OF_LEAST, LEAST_GAP = 0.05, 0.02, 1e-6
LONGEST_STEP = 3.0


@dataclass(frozen=True)
class Response:
    """Losses on the logarithmic scale around a smooth excess e [n] at the same runs.

    `logs` are log e + (y - floor - e) / e: log(y - floor) to first order, but without its heavy tail where noise takes a
    loss near the floor. `profile` is the variance that even noise of the losses has on this scale, up to a factor.
    """

    logs: F64
    profile: F64
    excess: F64

    @classmethod
    def around(cls, losses: F64, floor: float, excess: F64) -> Response:
        """The response for an excess [n] above 0."""
        step = np.clip((losses - floor - excess) / excess, -LONGEST_STEP, LONGEST_STEP)
        return cls(np.log(excess) + step, (np.median(excess) / excess) ** 2, excess)

    def noise(self, process: Process) -> float:
        """Variance of single runs' losses that a process on this response found."""
        return float(process.uneven_noise * np.median(self.excess) ** 2 + process.noise * np.median(self.excess) ** 2)


def floor_under(expected: F64, fitted: float) -> float:
    """The floor of the law: the fitted one, but well under the least expected loss, so that logarithms stay small."""
    least = float(expected.min())
    return min(fitted, least - max(GAP_OF_RANGE * float(np.ptp(expected)), GAP_OF_LEAST * abs(least), LEAST_GAP))
