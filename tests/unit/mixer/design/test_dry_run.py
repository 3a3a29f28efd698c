"""What a design is said to cost and to show, before anything is spent."""

from __future__ import annotations

import pytest

from midmix.mixer.design.cost import Check
from midmix.mixer.design.dry_run import preview
from midmix.run import Run
from midmix.table_manifest import load_manifest


def test_runs_and_compute_add_up(tokenized: Run) -> None:
    found = preview(tokenized, parameters=[1000], check=Check(4, 10_000, 2_000_000))
    assert dict(found.roles) == {"control": 1, "natural": 1, "interior": 2, "space-filling": 6, "replicate": 2}
    cost = found.cost
    assert cost.run == 6 * 1000 * 1_000_000
    assert (cost.mixtures, cost.replicates, cost.base) == (10 * cost.run, 2 * cost.run, 0)
    assert cost.check == 4 * 6 * 10_000 * 2_000_000
    assert cost.total == 12 * cost.run + cost.check
    assert cost.kept_bytes == 12 * 1000 * 4
    assert load_manifest(tokenized.folder, "designs").files == ()


def test_a_ladder_costs_the_sum_of_its_sizes(tokenized: Run) -> None:
    assert preview(tokenized, parameters=[1000, 500], check=None).cost.run == 6 * 1500 * 1_000_000


def test_without_earlier_runs_the_stated_spread_is_what_it_rests_on(tokenized: Run) -> None:
    prior, effect, check = preview(tokenized, parameters=[1000], check=None).effects["gold"]
    assert "stated" in prior.source and check is None
    assert 0 < effect.best <= effect.typical


def test_earlier_runs_replace_what_is_stated(trained: Run) -> None:
    prior, _, check = preview(trained, parameters=[1000], check=Check(4, 1000, 1000)).effects["gold"]
    assert "12 earlier runs, repeats among them" in prior.source
    assert prior.noise == pytest.approx(0.002, abs=0.003)
    assert check == pytest.approx(2.8 * prior.noise)


def test_more_runs_show_smaller_effects(tokenized: Run) -> None:
    few = preview(tokenized, parameters=[1], check=None).effects["gold"][1].typical
    more = tokenized.config.model_copy(
        update={"proxy": tokenized.config.require("proxy", "design").model_copy(update={"runs": 40})}
    )
    assert preview(Run(tokenized.folder, more), parameters=[1], check=None).effects["gold"][1].typical < few
