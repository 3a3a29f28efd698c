"""The laws on RegMix's published swarm: 17 domains, 13 losses of 1M-parameter proxies on 64 of 512 mixtures."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

from midmix.mixer.laws import fit_all


def load(path: Path) -> tuple[list[str], np.ndarray]:
    """Column names and values of one of its files, sorted by the column `index`, which is left out."""
    with path.open(encoding="utf-8") as stream:
        header, *rows = list(csv.reader(stream))
    values = np.array(rows, dtype=np.float64)
    return header[1:], values[np.argsort(values[:, 0], kind="stable"), 1:]


@pytest.fixture
def folder(repository: Path) -> Path:
    found = repository.parent / "shared" / "data" / "regmix"
    if not found.is_dir():
        pytest.skip("no ../shared/data/regmix beside the checkout: RegMix's CSV files are not supplied here")
    return found


def test_laws_rank_unseen_mixtures_from_64_runs(folder: Path) -> None:
    sources, train = load(folder / "train_mixture_1m.csv")
    _, test = load(folder / "test_mixture_1m.csv")
    metrics, losses = load(folder / "train_pile_loss_1m.csv")
    _, truth = load(folder / "test_pile_loss_1m.csv")
    names = [name.removeprefix("train_the_pile_") for name in sources]
    own = [names.index(m.removeprefix("metric/the_pile_").removesuffix("_val_loss")) for m in metrics]
    train, test = (weights / weights.sum(axis=1, keepdims=True) for weights in (train, test))
    chosen = np.random.default_rng(0).choice(512, 64, replace=False)
    ranks: dict[str, list[float]] = {}
    with threadpool_limits(1):
        for d in range(len(metrics)):
            for name, law in fit_all(train[chosen], losses[chosen, d], own=own[d]).items():
                ranks.setdefault(name, []).append(float(spearmanr(law.predict(test), truth[:, d])[0]))
    mean = {name: float(np.mean(rank)) for name, rank in ranks.items()}
    assert len(metrics) == 13
    assert mean["power"] >= 0.96
    assert mean["gaussian_process"] >= 0.96
    assert mean["power+gaussian_process"] >= 0.97
    assert mean["ridge_sqrt"] >= 0.90
