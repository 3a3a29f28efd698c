"""Point 8 of `benchmarks/mixing.py` on RegMix's runs: few supported comparisons of test mixtures are wrong, few are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="module")
def bench(benchmark_named: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_named("evidence")


@pytest.fixture(scope="module")
def four(data: Any) -> Any:
    """The same runs with every fourth of the 13 losses alone, to be quick."""
    chosen = slice(0, 13, 4)
    losses = {name: getattr(data, name)[:, chosen] for name in ("train_losses", "test_losses")}
    return replace(data, metrics=data.metrics[chosen], own=data.own[chosen], **losses)


def test_one_subset_without_noise(bench: ModuleType, four: Any) -> None:
    with threadpool_limits(1):
        supported, wrong, total = bench.count_pairs(four, 0, 0.0)
    assert total == 5 * 32_640
    assert wrong / supported <= 0.0075  # bound: 0.005 over five subsets and 13 losses
    assert 1 - supported / total <= 0.35


def test_noise_makes_it_refuse_rather_than_err(bench: ModuleType, four: Any) -> None:
    with threadpool_limits(1):
        supported, wrong, total = bench.count_pairs(four, 0, 0.5)
    assert wrong / supported <= 0.015  # bound: 0.01 over all levels
    assert 0.35 < 1 - supported / total < 0.8


def test_noise_is_of_the_size_that_it_is_called(bench: ModuleType, data: Any) -> None:
    losses = data.train_losses
    added = bench.noisy_losses(data, 3, 0.5) - losses
    np.testing.assert_allclose(added.std(axis=0) / losses.std(axis=0), 0.5, rtol=0.1)
    np.testing.assert_array_equal(bench.noisy_losses(data, 3, 0.0), losses)
    assert abs(np.corrcoef(added[:, 0], bench.noisy_losses(data, 4, 0.5)[:, 0] - losses[:, 0])[0, 1]) < 0.2


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_all_subsets_and_levels(bench: ModuleType, data: Any) -> None:
    with threadpool_limits(1):
        figures = bench.evidence(data)
    assert figures["wrong_when_supported"] <= 0.005
    assert figures["wrong_when_supported_noisy"] <= 0.01
    assert figures["refused"] <= 0.30
