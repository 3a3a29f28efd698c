"""`benchmarks/cost.py`: the ratio is the product of its causes, and the trainer that is timed trains."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

FOLDER = Path(__file__).parents[3] / "benchmarks"
SECONDS = {"theirs_50432": 12e-6, "theirs_8192": 4e-6, "ours_alone": 2e-6, "ours_batch": 1e-6}


@pytest.fixture(scope="module")
def cost() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield importlib.import_module("cost")


@pytest.fixture(scope="module")
def trainer() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield importlib.import_module("cost_trainer")


def test_the_ratio_is_the_product_of_its_causes(cost: ModuleType) -> None:
    found = {"mean13": cost.Agreement(0.9, {24: 0.8, 32: 0.91}), "cc": cost.Agreement(0.8, {24: 0.8, 32: 0.91})}
    figures = cost.cost_figures(found, SECONDS)
    causes = {"fewer_runs": 16.0, "shorter_runs": 10.0, "smaller_vocabulary": 3.0, "step": 2.0, "batching": 2.0}
    assert {name: figures[f"cost_{name}"] for name in causes} == pytest.approx(causes)
    assert figures["cost_ratio"] == pytest.approx(math.prod(causes.values()))
    assert figures["cost_ratio_equal_tokens"] == pytest.approx(figures["cost_ratio"] / 10)
    assert (figures["cost_runs_needed"], figures["cost_runs_needed_pile_cc"]) == (32, 24)
    assert (figures["cost_rank_correlation"], figures["cost_rank_correlation_lightgbm_512"]) == (0.91, 0.9)
    assert figures["cost_device_days_ours"] == pytest.approx(32 * 1e8 * 1e-6 / 86_400)


def test_runs_that_do_not_reach_the_target_are_none(cost: ModuleType) -> None:
    assert cost.Agreement(0.9, {24: 0.8}).runs is None
    assert cost.Agreement(0.9, {24: 0.8, 48: 0.9, 64: 0.95}).runs == 48


def test_rows_of_several_devices_stay_in_one_file(cost: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "results" / "cost.csv"
    cost.append_rows(path, "one", {"cost_ratio": 2.0})
    cost.append_rows(path, "two, new", {"cost_ratio": 3.0})
    assert path.read_text().splitlines() == [
        "device,torch,figure,value,low,high",
        f"one,{torch.__version__},cost_ratio,2,,",
        f'"two, new",{torch.__version__},cost_ratio,3,,',
    ]


def test_the_timed_trainer_learns_its_text(trainer: ModuleType) -> None:
    one = trainer.Trainer(64, torch.device("cpu"))
    before = one.micro_step()
    assert before == pytest.approx(math.log(64), abs=0.5)
    one.update()
    assert all(not parameter.grad.any() for parameter in one.model.parameters())
    assert one.micro_step() < before - 0.005


def test_the_timed_model_does_not_look_ahead(trainer: ModuleType) -> None:
    one = trainer.Trainer(64, torch.device("cpu"))
    ids = one.ids_BT[:, :32]
    changed = ids.clone()
    changed[0, 20] = (ids[0, 20] + 1) % 64
    with torch.no_grad():
        cosine, sine = one.model.cosine, one.model.sine
        one.model.cosine, one.model.sine = cosine[:32], sine[:32]
        left, right = one.model(ids), one.model(changed)
    torch.testing.assert_close(left[:, :20], right[:, :20])
    assert not torch.equal(left[:, 20:], right[:, 20:])
