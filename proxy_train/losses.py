"""What a batch has measured, as rows of LOSSES.

Along the way, losses are measured on a part of the text that the end is measured on. They are scaled by the ratio of
the two at the end (the ratio estimator of sampling), so that a curve does not jump where the text grows.
Letters: M runs, X texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from midmix.proxy_train.evaluate import bits_per_byte
from midmix.proxy_train.pool import Run
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.swarm import Measurement
from midmix.proxy_train.texts import Text
from midmix.proxy_train.unigram import cross_entropy, mixed_share
from midmix.tables import LOSSES

ORIGIN = "proxy"
NATS, BITS, UNIGRAM = "nats_per_token", "bits_per_byte", "unigram_nats_per_token"


@dataclass(frozen=True)
class Values:
    """Losses of all runs in one unit after `step` steps [M, X], NaN for runs that have died."""

    step: int
    unit: str
    metrics: tuple[str, ...]
    values_MX: NDArray[np.float64]


def per_unit(measured: Measurement) -> dict[str, NDArray[np.float64]]:
    """Losses [M, X] in nats per token and in bits per byte."""
    tokens_X = np.array([len(text.measured) for text in measured.texts])
    bytes_X = np.array([text.num_bytes for text in measured.texts])
    return {NATS: measured.nats_MX / tokens_X, BITS: bits_per_byte(measured.nats_MX, bytes_X)}


def curve_values(measured: Sequence[Measurement]) -> Iterator[Values]:
    """Losses along the way and at the end, from `Swarm.run`: its last two are of the last step, on part and on all."""
    *along, part, whole = measured
    metrics = tuple(text.metric for text in whole.texts)
    end, end_of_part = per_unit(whole), per_unit(part)
    for unit, final_MX in end.items():
        ratio_MX = _with_gaps_filled(final_MX / end_of_part[unit])
        for one in along:
            yield Values(one.step, unit, metrics, per_unit(one)[unit] * ratio_MX)
        yield Values(whole.step, unit, metrics, final_MX)


def _with_gaps_filled(ratio_MX: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ratios where runs have none, since they died or were stopped: the median of the other runs', 1 without others."""
    usual = [
        float(np.median(column[np.isfinite(column)])) if np.isfinite(column).any() else 1.0 for column in ratio_MX.T
    ]
    return np.where(np.isfinite(ratio_MX), ratio_MX, np.array(usual))


def unigram_values(
    runs: Sequence[Run], texts: Sequence[Text], shares: Mapping[str, NDArray[np.float64]], step: int
) -> Iterator[Values]:
    """The entropy to beat at the end: domains under their own frequencies, sets under those of the run's mixture."""
    values_MX = np.empty((len(runs), len(texts)))
    for m, run in enumerate(runs):
        mixed = mixed_share(shares, run.weights)
        for x, text in enumerate(texts):
            kind, _, name = text.metric.partition(":")
            share = shares.get(name, mixed) if kind == "domain" else mixed
            values_MX[m, x] = cross_entropy(share, text.measured)
    yield Values(step, UNIGRAM, tuple(text.metric for text in texts), values_MX)


def losses_table(
    values: Sequence[Values],
    runs: Sequence[Run],
    shape: Shape,
    tokens_per_step: int,
    stopped: Mapping[int, int] | None = None,
) -> pa.Table:
    """Rows of LOSSES in the order of its key; NULL where a run has died, none after the last step of one that `stopped`."""
    last = stopped or {}
    rows = [
        {
            "run": run.number,
            "origin": ORIGIN,
            "name": None,
            "shape": shape.name,
            "parameters": shape.num_parameters,
            "tokens": one.step * tokens_per_step,
            "seed": run.seed,
            "step": one.step,
            "metric": metric,
            "unit": one.unit,
            "value": float(value) if np.isfinite(value) else None,
        }
        for one in values
        for run, values_X in zip(runs, one.values_MX, strict=True)
        if one.step <= last.get(run.number, one.step)
        for metric, value in zip(one.metrics, values_X, strict=True)
    ]
    rows.sort(key=lambda row: (row["run"], row["step"], row["metric"], row["unit"]))
    return pa.Table.from_pylist(rows, schema=LOSSES.schema())
