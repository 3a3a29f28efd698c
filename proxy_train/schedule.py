"""The learning rate over a run (warm-up, stable, decay), and the steps at which losses are measured."""

from __future__ import annotations

import math

CURVE_POINTS = 8


def wsd(
    step: int, steps: int, *, warmup_fraction: float, decay_fraction: float, decay: str = "linear", end: float = 0.0
) -> float:
    """The factor of the peak learning rate at `step` (from 0) of `steps`: above 0 at both ends, at most 1.

    The decay takes the last `decay_fraction` of the steps and goes towards `end`: in a line, along half a cosine, or as
    one minus a root, `sqrt` (Hägele et al., arXiv 2405.18392). Over all steps it is an anneal, over fewer WSD.
    """
    warmup = (step + 1) / max(1.0, warmup_fraction * steps)
    left = (steps - step) / max(1.0, decay_fraction * steps)
    if left >= 1:
        return min(1.0, warmup)
    if decay == "cosine":
        left = (1 - math.cos(math.pi * left)) / 2
    elif decay == "sqrt":
        left = 1 - math.sqrt(1 - left)
    return min(1.0, warmup, end + (1 - end) * left)


def curve_steps(steps: int) -> tuple[int, ...]:
    """Optimizer steps after which losses are measured: CURVE_POINTS evenly spaced ones, then the last, ascending."""
    points = CURVE_POINTS + 1
    return tuple(sorted({max(1, round(i * steps / points)) for i in range(1, points)} | {steps}))
