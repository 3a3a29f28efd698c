"""What a design costs, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.config import Proxy
from midmix.mixer.design.cost import Check, cost_of, halved
from midmix.mixer.design.space_filling import Design

ROLES = ("control", "interior", "space-filling", "space-filling", "replicate")
WEIGHTS = np.array([[1.0, 0.0], [0.5, 0.5], [0.2, 0.8], [0.8, 0.2], [0.5, 0.5]])
DESIGN = Design(ROLES, (0, 0, 0, 0, 1), WEIGHTS)


def test_without_halving_every_run_reads_all_its_tokens() -> None:
    shares, left = halved(ROLES, ())
    assert shares.tolist() == [1.0] * 5 and left == 5


def test_halving_stops_candidates_alone() -> None:
    # three candidates for a quarter of a run, two for the next, one for the rest
    shares, left = halved(ROLES, (0.25, 0.5))
    trained = (0.25 * 3 + 0.25 * 2 + 0.5 * 1) / 3
    assert shares == pytest.approx([1.0, trained, trained, trained, 1.0])
    assert left == 3


def test_a_design_with_a_base_and_a_check() -> None:
    proxy = Proxy.model_validate({"tokens": 100, "base": {"tokens": 1000}})
    cost = cost_of(DESIGN, proxy, [10, 20], Check(runs=2, parameters=50, tokens=300))
    assert cost.run == 6 * 30 * 100
    assert (cost.mixtures, cost.replicates) == (4 * cost.run, cost.run)
    assert cost.base == 6 * 30 * 1000
    assert cost.check == 2 * 6 * 50 * 300
    assert cost.total == 5 * cost.run + cost.base + cost.check
    assert cost.kept_bytes == 5 * 30 * 4 + 3 * 30 * 4  # the base with its two moments


def test_weights_of_runs_that_are_stopped_or_not_wanted_cost_no_disk() -> None:
    halving = Proxy.model_validate({"tokens": 100, "halving": [0.25, 0.5]})
    cost = cost_of(DESIGN, halving, [10], None)
    assert cost.kept_bytes == 3 * 10 * 4
    assert cost.mixtures == pytest.approx(cost.run * (1 + 1.75))
    assert cost_of(DESIGN, halving.model_copy(update={"keep_weights": False}), [10], None).kept_bytes == 0
