"""Sequences per domain from weights and supply, and the rows of PLAN."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from midmix.config import Mixture, Target
from midmix.errors import ConfigError, InputError
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.step import plan_rows, plan_sequences

PlanMaker = Callable[..., Plan]


def mixture(tokens: int) -> Mixture:
    return Mixture(tokens=tokens, sequence_length=8, global_batch_sequences=2, targets={"t": Target(domain="web")})


def test_capped_domain_is_at_its_cap_and_keeps_what_was_asked(make_plan: PlanMaker) -> None:
    plan = make_plan({"math": [17, 9], "web": [801]}, {"math": 500_000, "web": 500_000}, tokens=400, epochs=2.5)
    math, web = plan.stages[0].mixture
    assert (math.available_sequences, math.cap_sequences, math.sequences, math.at_cap) == (3, 7, 7, True)
    assert (math.weight_asked, math.weight) == (0.5, 7 / 50)
    assert (web.sequences, web.at_cap) == (43, False)
    assert [d.sequences for d in math.draws] == [5, 2]


def test_domain_without_weight_is_absent_from_the_stage_and_zero_in_the_table(make_plan: PlanMaker) -> None:
    plan = make_plan({"math": [17], "web": [801]}, {"math": 0, "web": 1_000_000}, tokens=160)
    assert [share.domain for share in plan.stages[0].mixture] == ["web"]
    rows = plan_rows(plan.domains, {"math": 0, "web": 20}, plan.stages[0]).to_pylist()
    assert [(r["domain"], r["shard"], r["sequences"], r["available"], r["tokens"], r["weight"]) for r in rows] == [
        ("math", 0, 0, 2, 0, 0.0),
        ("web", 0, 20, 100, 160, 1.0),
    ]
    assert [r["epochs"] for r in rows] == [0.0, 0.2]


def test_supply_that_is_too_small_is_refused_with_the_numbers(make_plan: PlanMaker) -> None:
    plan = make_plan({"math": [17], "web": [81]}, {"math": 0, "web": 1}, tokens=16)
    with pytest.raises(
        ConfigError, match=r"needs 42 sequences of 8 .* give 40 at .*\(web 40\): 2 are missing.* to 320"
    ):
        plan_sequences(plan.domains, {"math": 0, "web": 1_000_000}, mixture(336))


def test_weight_of_a_domain_without_tokens_is_refused(plan: Plan) -> None:
    with pytest.raises(InputError, match="WEIGHTS gives 'code' a share"):
        plan_sequences(plan.domains, {"web": 500_000, "code": 500_000}, mixture(160))


@pytest.mark.parametrize(("seed", "expected"), [(7, 7), (0, 2**31 - 1), (-1, 2**31 - 2), (2**31, 1)])
def test_seed_of_the_stage_is_one_that_every_trainer_takes(make_plan: PlanMaker, seed: int, expected: int) -> None:
    assert make_plan({"web": [81]}, {"web": 1}, tokens=16, seed=seed).stages[0].seed == expected
