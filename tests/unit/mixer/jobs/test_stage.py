"""A run as a stage: its mixture in whole sequences, and no domain read more often than allowed."""

from __future__ import annotations

from typing import Any

import pytest

from midmix.errors import ConfigError
from midmix.mixer.jobs.runs import DesignedRun
from midmix.mixer.jobs.stage import make_stage, plan_of
from midmix.mixer.plan.models import Tokenizer
from midmix.mixer.plan.wishes import Wish


def test_the_mixture_is_exact_to_a_sequence_and_spread_over_shards(
    files: Any, wish: Wish, tokenizer: Tokenizer
) -> None:
    domains = {"code": files.domain("code", 20), "web": files.domain("web", 40, 20), "idle": files.domain("idle", 9)}
    stage = make_stage(DesignedRun(3, "natural", 2, {"code": 0.3, "web": 0.7}), wish, domains, seed=5)
    assert (stage.sequences, stage.token_budget, stage.seed) == (12, 96, 7)
    # 0.3 and 0.7 of 12 are 3.6 and 8.4.
    assert {share.domain: share.sequences for share in stage.mixture} == {"code": 4, "web": 8}
    web = stage.mixture[1]
    assert [(d.shard, d.sequences, d.available) for d in web.draws] == [(0, 5, 24), (1, 3, 12)]
    plan = plan_of(stage, domains, tokenizer)
    assert [domain.id for domain in plan.domains] == ["code", "web"]


def test_runs_of_one_seed_read_in_one_order(files: Any, wish: Wish) -> None:
    domains = {"web": files.domain("web", 40), "code": files.domain("code", 40)}
    seeds = [
        make_stage(DesignedRun(run, "interior", seed, weights), wish, domains, seed=2**31 - 1).seed
        for run, seed, weights in [(0, 0, {"web": 1.0}), (1, 0, {"code": 1.0}), (2, 1, {"web": 1.0})]
    ]
    assert seeds == [2**31 - 1, 2**31 - 1, 1]  # Megatron takes no seed below 1


def test_a_domain_short_of_supply_is_refused_with_the_number(files: Any, wish: Wish) -> None:
    domains = {"web": files.domain("web", 40), "math": files.domain("math", 4, max_epochs=3.0, spent_epochs=1.0)}
    run = DesignedRun(4, "space-filling", 0, {"math": 0.6, "web": 0.4})
    # 0.6 of 12 sequences are 7 of 8 tokens; 20 tokens at 2 epochs give 40.
    with pytest.raises(
        ConfigError, match=r"run 4: domain math .* takes 56 tokens; the 20 at hand give 40 .*: 16 are missing"
    ):
        make_stage(run, wish, domains, seed=1)


def test_a_reference_is_tried_as_it_is(files: Any, wish: Wish, tokenizer: Tokenizer) -> None:
    domains = {"web": files.domain("web", 12, max_epochs=1.0)}
    run = DesignedRun(1, "web", 0, {"web": 1.0}, beyond_caps=True)
    stage = make_stage(run, wish, domains, seed=1)
    assert stage.mixture[0].tokens == 96  # of 60 at hand
    assert plan_of(stage, domains, tokenizer).domain("web").max_epochs == 2.0


def test_one_sequence_beyond_the_cap_is_rounding(files: Any, wish: Wish) -> None:
    domains = {"web": files.domain("web", 40), "math": files.domain("math", 9, max_epochs=1.0)}
    stage = make_stage(DesignedRun(0, "interior", 0, {"math": 0.5, "web": 0.5}), wish, domains, seed=1)
    assert stage.mixture[0].tokens == 48  # of 45 at hand, which is one sequence of 8 more at most


def test_a_micro_anneal_repeats_its_part_on_purpose(files: Any, wish: Wish, tokenizer: Tokenizer) -> None:
    domains = {"web": files.domain("web", 40), "math": files.domain("math", 4, max_epochs=1.0)}
    run = DesignedRun(100_000, "micro-anneal", 0, {"math": 0.5, "web": 0.5}, {"math": 0.25}, beyond_caps=True)
    stage = make_stage(run, wish, domains, seed=1)
    assert stage.mixture[0].epochs == 3.0
    assert plan_of(stage, domains, tokenizer).domain("math").max_epochs == 3.0


@pytest.mark.parametrize("documents", [0, 1])
def test_a_domain_without_a_whole_sequence_is_refused(files: Any, wish: Wish, documents: int) -> None:
    domains = {"web": files.domain("web", 40)} | ({"math": files.domain("math", 1)} if documents else {})
    with pytest.raises(
        ConfigError, match=r"run 1: domain math has a weight of 0.5000, but its training tokens do not fill"
    ):
        make_stage(DesignedRun(1, "interior", 0, {"math": 0.5, "web": 0.5}), wish, domains, seed=1)
