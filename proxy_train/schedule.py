"""The learning rate over a run (warm-up, stable, linear decay to zero), and the steps at which losses are measured."""

from __future__ import annotations

CURVE_POINTS = 8


def wsd(step: int, steps: int, *, warmup_fraction: float, decay_fraction: float) -> float:
    """The factor of the peak learning rate at `step` (from 0) of `steps`: above 0 at both ends, at most 1."""
    warmup = (step + 1) / max(1.0, warmup_fraction * steps)
    decay = (steps - step) / max(1.0, decay_fraction * steps)
    return min(1.0, warmup, decay)


def curve_steps(steps: int) -> tuple[int, ...]:
    """Optimizer steps after which losses are measured: CURVE_POINTS evenly spaced ones, then the last, ascending."""
    points = CURVE_POINTS + 1
    return tuple(sorted({max(1, round(i * steps / points)) for i in range(1, points)} | {steps}))
