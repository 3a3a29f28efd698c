"""`benchmarks/mixing_laws.py` and `mixing_data.py`: what is counted, on figures that can be checked by hand."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture(scope="module")
def bench() -> Iterator[dict[str, ModuleType]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield {name: importlib.import_module(f"mixing_{name}") for name in ("data", "laws")}


def table(path: Path, columns: list[str], rows: list[list[float]]) -> None:
    lines = [",".join(["index", *columns]), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two domains, one loss, two runs of each file, out of order."""
    for split in ("train", "test"):
        sources = ["train_the_pile_arxiv", "train_the_pile_pile_cc"]
        table(tmp_path / f"{split}_mixture_1m.csv", sources, [[2, 0.5, 0.503], [1, 0.25, 0.75]])
    for name in ("train_pile_loss_1m", "test_pile_loss_1m", "test_pile_loss_60m"):
        table(tmp_path / f"{name}.csv", ["metric/the_pile_pile_cc_val_loss"], [[2, 5.5], [1, 5.0]])
    (tmp_path / "natural.csv").write_text("source,weight\nthe_pile_pile_cc,0.9\nthe_pile_arxiv,0.05\n")
    return tmp_path


def test_runs_are_read_in_order_with_weights_that_sum_to_one(bench: dict[str, ModuleType], folder: Path) -> None:
    data = bench["data"].load_regmix(folder)
    assert (data.sources, data.metrics, data.own) == (("arxiv", "pile_cc"), ("pile_cc",), (1,))
    np.testing.assert_allclose(data.train, [[0.25, 0.75], [0.5 / 1.003, 0.503 / 1.003]])
    np.testing.assert_array_equal(data.train_losses, [[5.0], [5.5]])
    np.testing.assert_allclose(data.natural, [0.05 / 0.95, 0.9 / 0.95])
    np.testing.assert_allclose(data.caps, [15 * 0.05 / 0.95, 1.0])


def test_a_subset_is_drawn_as_the_issue_says(bench: dict[str, ModuleType], folder: Path) -> None:
    data = bench["data"].load_regmix(folder)
    np.testing.assert_array_equal(data.subset(3, 64), np.random.default_rng(3).choice(512, 64, replace=False))


def test_skill_counts_pairs_among_the_best(bench: dict[str, ModuleType], folder: Path) -> None:
    data = bench["data"].load_regmix(folder)
    truth = np.arange(8.0)[:, None]
    predicted = np.array([1.0, 0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])[:, None]
    found = bench["laws"].skill(data, predicted, truth)
    assert found["quarter"] == 0.0  # of the best two the worse is named
    assert found["half"] == pytest.approx(5 / 6)
    assert found["top1"] == pytest.approx(1.0 / truth.std())
    assert found["cc"] == found["mean13"] == pytest.approx(1 - 6 * 2 / (8 * 63))
    constant = bench["laws"].skill(data, np.ones((8, 1)), truth)
    assert constant["mean13"] == 0.0 and constant["half"] == 0.0
