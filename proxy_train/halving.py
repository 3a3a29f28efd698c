"""Successive halving: at fixed steps a batch goes on with the better half of its runs.

Jamieson and Talwalkar, arXiv 1502.07943, within one batch, so that no batch waits for another and what is kept depends
on the config alone. Controls, other references and repeats go on whatever they score.
Letters: M runs that are left, X texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from midmix.errors import InputError
from midmix.proxy_train.losses import BITS, per_unit
from midmix.proxy_train.pool import Run
from midmix.proxy_train.swarm import Measurement
from midmix.tables import HALVINGS


@dataclass(frozen=True)
class Judged:
    """One run at one halving: its score, NaN where it has died, and whether it goes on."""

    run: Run
    step: int
    score: float
    kept: bool


@dataclass(frozen=True)
class Halving:
    """The steps after which runs are judged, and the weight of each metric in the score, which is to be low."""

    steps: tuple[int, ...]
    weights: Mapping[str, float]

    @staticmethod
    def of(settings: Mapping[str, Any] | None, steps: int) -> Halving:
        """By a batch's settings, `{"fractions": [...], "weights": {metric: weight}}`; None never halves."""
        if settings is None:
            return Halving((), {})
        due = {round(fraction * steps) for fraction in settings["fractions"]}
        return Halving(tuple(sorted(step for step in due if 0 < step < steps)), settings["weights"])

    def judge(self, measured: Measurement, runs: Sequence[Run]) -> list[Judged]:
        """The verdict on each of the `runs` that are left, whose losses `measured` holds in their order.

        Of the runs that are not protected the better half, rounded up, is kept; of equals the earlier one.
        """
        scores_M = self._scores(measured)
        open_ = [m for m, run in enumerate(runs) if not run.protected]
        alive = [m for m in open_ if np.isfinite(scores_M[m])]
        best = set(sorted(alive, key=lambda m: (scores_M[m], m))[: -(-len(open_) // 2)])
        return [
            Judged(run, measured.step, float(score), run.protected or m in best)
            for m, (run, score) in enumerate(zip(runs, scores_M, strict=True))
        ]

    def _scores(self, measured: Measurement) -> NDArray[np.float64]:
        metrics = [text.metric for text in measured.texts]
        missing = sorted(self.weights.keys() - set(metrics))
        if missing:
            raise InputError(
                f"proxy.halving: no text of {', '.join(missing)} to judge runs by; measured are {', '.join(metrics)}. "
                f"Give the target items or held-out text, or leave halving out."
            )
        weights_X = np.array([self.weights.get(metric, 0.0) for metric in metrics])
        used = weights_X > 0
        scores_M: NDArray[np.float64] = per_unit(measured)[BITS][:, used] @ weights_X[used]
        return scores_M


def widened(measured: Measurement, places: Sequence[int], count: int) -> Measurement:
    """Losses [M, X] of the runs at `places` as losses [count, X] of the whole batch, NaN for those that stopped."""
    nats = np.full((count, measured.nats_MX.shape[1]), np.nan)
    nats[list(places)] = measured.nats_MX
    return Measurement(measured.step, nats, measured.texts)


def stopped_after(judged: Sequence[Judged]) -> dict[int, int]:
    """Number of each run that was stopped, and its last step."""
    return {one.run.number: one.step for one in judged if not one.kept}


def halvings_table(judged: Sequence[Judged], shape: str) -> pa.Table:
    """Rows of HALVINGS in the order of its key."""
    rows = [
        {
            "run": one.run.number,
            "shape": shape,
            "step": one.step,
            "score": one.score if np.isfinite(one.score) else None,
            "protected": one.run.protected,
            "kept": one.kept,
        }
        for one in judged
    ]
    rows.sort(key=lambda row: (row["run"], row["shape"], row["step"]))
    return pa.Table.from_pylist(rows, schema=HALVINGS.schema())
