"""The RegMix runs: 17 domains, 13 losses (nats per token), 512 runs to fit on and 256 to test at 1M and at 60M."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from midmix.mixer.simplex import F64, I64

NUM_TRAIN = 512
MAX_TIMES_NATURAL = 15.0
SUBSETS = range(5)


@dataclass(frozen=True)
class RegMix:
    """Weights [n, 17] (rows sum to 1), losses [n, 13], and the domain [13] whose held-out text each loss is of."""

    sources: tuple[str, ...]
    metrics: tuple[str, ...]
    own: tuple[int, ...]
    train: F64
    train_losses: F64
    test: F64
    test_losses: F64
    test_losses_60m: F64
    natural: F64

    @property
    def caps(self) -> F64:
        """Largest share of each domain [17]: 15 x natural."""
        return np.minimum(MAX_TIMES_NATURAL * self.natural, 1.0)

    def subset(self, seed: int, size: int) -> I64:
        """The training runs [size] of a seed."""
        return np.random.default_rng(seed).choice(NUM_TRAIN, size, replace=False)


def load_regmix(folder: Path) -> RegMix:
    """The seven files of RegMix's `data/`. Weights are rounded to 0.001 there, so rows are normalised again."""
    sources, train = _table(folder / "train_mixture_1m.csv")
    metrics, train_losses = _table(folder / "train_pile_loss_1m.csv")
    names = [name.removeprefix("train_the_pile_") for name in sources]
    losses = [name.removeprefix("metric/the_pile_").removesuffix("_val_loss") for name in metrics]
    with (folder / "natural.csv").open(encoding="utf-8") as stream:
        natural = {row["source"].removeprefix("the_pile_"): float(row["weight"]) for row in csv.DictReader(stream)}
    weights = np.array([natural[name] for name in names])
    return RegMix(
        sources=tuple(names),
        metrics=tuple(losses),
        own=tuple(names.index(loss) for loss in losses),
        train=_normalised(train),
        train_losses=train_losses,
        test=_normalised(_table(folder / "test_mixture_1m.csv")[1]),
        test_losses=_table(folder / "test_pile_loss_1m.csv")[1],
        test_losses_60m=_table(folder / "test_pile_loss_60m.csv")[1],
        natural=weights / weights.sum(),
    )


def _normalised(weights: F64) -> F64:
    normalised: F64 = weights / weights.sum(axis=1, keepdims=True)
    return normalised


def _table(path: Path) -> tuple[list[str], F64]:
    """Column names and values, sorted by the column `index`, which is left out."""
    with path.open(encoding="utf-8") as stream:
        header, *rows = list(csv.reader(stream))
    values = np.array(rows, dtype=np.float64)
    return header[1:], values[np.argsort(values[:, 0], kind="stable"), 1:]
