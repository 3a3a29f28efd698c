"""The next runs, where they are expected to improve the best mixture most, and when to stop.

Noisy expected improvement in batches, by joint draws from the laws' posterior: each choice is the candidate that lowers the
best of what was run and chosen before it most, in the mean over draws (greedy q-NEI). Stop when the mixture that would be
recommended now is expected to be nearer to the best candidate than one run is to another of its seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from midmix.mixer.simplex import F64, I64, Mask


@dataclass(frozen=True)
class Choice:
    """Candidates to run next, in order, the improvement that each is expected to add, and what is still to be gained.

    `regret` is what the mixture with the least expected loss is expected to lose against the best candidate.
    """

    chosen: I64
    improvement: F64
    regret: float


def choose_next(draws: F64, tried: Mask, allowed: Mask, size: int) -> Choice:
    """Up to `size` of the candidates (m) by draws [s, m] of the objective at them, which is to be lowered.

    `tried` candidates were run already, only `allowed` ones may be recommended or run. Fewer where nothing improves.
    """
    open_ = np.flatnonzero(allowed & ~tried)
    known = np.flatnonzero(allowed & tried)
    best = draws[:, known].min(axis=1) if len(known) else np.full(len(draws), draws.mean(axis=0).min())
    chosen: list[int] = []
    gains: list[float] = []
    for _ in range(min(size, len(open_))):
        improvement = np.maximum(best[:, None] - draws[:, open_], 0.0).mean(axis=0)
        place = int(np.argmax(improvement))
        if improvement[place] <= 0:
            break
        chosen.append(int(open_[place]))
        gains.append(float(improvement[place]))
        best = np.minimum(best, draws[:, chosen[-1]])
    return Choice(np.array(chosen, dtype=np.int64), np.array(gains), expected_regret(draws, allowed))


def expected_regret(draws: F64, allowed: Mask) -> float:
    """What the allowed candidate of least mean is expected to lose against the best one, over draws [s, m]."""
    within = draws[:, allowed]
    recommended = within[:, int(np.argmin(within.mean(axis=0)))]
    return float((recommended - within.min(axis=1)).mean())
