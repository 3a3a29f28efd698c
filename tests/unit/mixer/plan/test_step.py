"""Stages in integers: caps, seeds and the rows of PLAN; several stages, each with its own documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from midmix.config import StageSection
from midmix.config.stages import Boundary, Rate
from midmix.errors import ConfigError
from midmix.mixer.plan.draft import Draft
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import EarlierStage, Seen, Stage
from midmix.mixer.plan.pool import Piece
from midmix.mixer.plan.step import plan_rows

PlanMaker = Callable[..., Plan]
RESTART = Boundary(learning_rate="restart")


def stage(name: str, **fields: Any) -> StageSection:
    """A stage that starts anew at a rate of its own, as far as the schedule goes."""
    return StageSection(name=name, boundary=RESTART, **{"learning_rate": Rate(start=1e-4)} | fields)


def drawn(stage: Stage, domain: str) -> dict[int, int]:
    share = next(share for share in stage.mixture if share.domain == domain)
    return {draw.shard: draw.sequences for draw in share.draws}


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
    pieces = {d.id: {s.index: Piece(s.index, s.tokens, s.documents) for s in d.shards} for d in plan.domains}
    rows = plan_rows(Draft(plan.stages, pieces)).to_pylist()
    assert [(r["domain"], r["shard"], r["sequences"], r["available"], r["tokens"], r["weight"]) for r in rows] == [
        ("math", 0, 0, 2, 0, 0.0),
        ("web", 0, 20, 100, 160, 1.0),
    ]
    assert [r["epochs"] for r in rows] == [0.0, 0.2]


def test_supply_that_is_too_small_is_refused_with_the_numbers(make_plan: PlanMaker) -> None:
    with pytest.raises(
        ConfigError, match=r"needs 42 sequences of 8 .* give 40 at .*\(web 40\): 2 are missing.* mixture.tokens to 320"
    ):
        make_plan({"math": [17], "web": [81]}, {"math": 0, "web": 1_000_000}, tokens=336)


@pytest.mark.parametrize(("seed", "expected"), [(7, 7), (0, 2**31 - 1), (-1, 2**31 - 2), (2**31, 1)])
def test_seed_of_the_stage_is_one_that_every_trainer_takes(make_plan: PlanMaker, seed: int, expected: int) -> None:
    assert make_plan({"web": [81]}, {"web": 1}, tokens=16, seed=seed).stages[0].seed == expected


def test_a_packed_stage_draws_rows_and_counts_text_in_its_passes(packed_plan: Plan) -> None:
    (share,), (shard,) = packed_plan.stages[0].mixture, packed_plan.domain("web").shards
    assert (share.sequences, share.tokens, share.padding, share.available_sequences) == (8, 64, 24, 19)
    assert (share.cap_sequences, share.epochs) == (4 * 19, 8 / 19)
    assert (shard.index, shard.tokens, shard.text_tokens, shard.documents) == (1, 160, 100, 20)
    assert shard.packed is not None and (shard.packed.rows, shard.packed.padding) == (20, 60)
    assert packed_plan.domain("web").tokens == 100


def test_rows_are_the_supply_of_a_packed_stage(make_plan: PlanMaker) -> None:
    """100 tokens in documents of 5 are 12 sequences of 8 end to end, and 19 rows a pass."""
    packed = [stage("a", packing="best-fit")]
    wanted = {"tokens": 19 * 8, "batch": 1, "epochs": 1.0, "document_tokens": 5}
    plan = make_plan({"web": [100]}, {"web": 1}, stages=packed, **wanted)
    assert (plan.stages[0].mixture[0].sequences, plan.stages[0].mixture[0].at_cap) == (19, True)
    with pytest.raises(ConfigError, match=r"needs 20 sequences .* give 19"):
        make_plan({"web": [100]}, {"web": 1}, stages=packed, **wanted | {"tokens": 160})


def test_shards_that_a_packed_stage_does_not_need_stay_as_they_are(make_plan: PlanMaker) -> None:
    wanted = {"tokens": 25 * 8, "batch": 1, "document_tokens": 5}
    plan = make_plan({"web": [100] * 4}, {"web": 1}, stages=[stage("a", packing="best-fit")], **wanted)
    shards = {s.index: s.packed is not None for s in plan.domain("web").shards}
    assert shards == {2: False, 3: False, 4: True, 5: True}
    assert drawn(plan.stages[0], "web") == {4: 13, 5: 12}
    assert plan.stages[0].mixture[0].cap_sequences == 4 * 4 * 19


def test_a_packed_and_a_plain_stage_have_each_their_own_documents(make_plan: PlanMaker) -> None:
    stages = [stage("a", packing="best-fit"), stage("b")]
    plan = make_plan({"web": [200]}, {"web": 1}, tokens=80, batch=1, stages=stages, document_tokens=5)
    packed, plain = plan.domain("web").shards
    assert packed.packed is not None and plain.packed is None
    assert packed.text_tokens + plain.tokens == 200
    assert [drawn(s, "web") for s in plan.stages] == [{packed.index: 10}, {plain.index: 10}]


def test_two_stages_share_out_the_shards_by_what_they_need(make_plan: PlanMaker) -> None:
    plan = make_plan({"web": [81] * 4}, {"web": 1}, tokens=96, stages=[stage("a", tokens=288), stage("b")])
    a, b = plan.stages
    assert drawn(a, "web") == {0: 12, 1: 12, 2: 12}
    assert drawn(b, "web") == {3: 12}
    assert (a.start_tokens, b.start_tokens, b.seed) == (0, 288, 8)
    assert all(shard.cut is None for shard in plan.domain("web").shards)


def test_a_shard_that_two_stages_need_is_cut_between_documents(make_plan: PlanMaker) -> None:
    plan = make_plan({"web": [90]}, {"web": 1}, tokens=32, stages=[stage("a"), stage("b")], document_tokens=10)
    first, second = plan.domain("web").shards
    assert [(s.index, s.tokens, s.documents) for s in (first, second)] == [(1, 40, 4), (2, 50, 5)]
    assert first.cut is not None and second.cut is not None
    assert (first.cut.shard, first.cut.first_document, second.cut.first_document) == (0, 0, 4)
    assert [drawn(s, "web") for s in plan.stages] == [{1: 4}, {2: 4}]


def test_repetition_is_the_same_in_every_stage(make_plan: PlanMaker) -> None:
    """90 tokens for 192: both stages pass twice and a bit over their own half, and none over the other's."""
    plan = make_plan({"web": [90]}, {"web": 1}, tokens=96, stages=[stage("a"), stage("b")], document_tokens=10)
    assert [drawn(s, "web") for s in plan.stages] == [{1: 12}, {2: 12}]
    assert [s.mixture[0].epochs for s in plan.stages] == [3.0, 2.0]


def test_a_stage_that_repeats_reads_all_and_its_passes_count(make_plan: PlanMaker) -> None:
    stages = [stage("a"), stage("b", data="repeat")]
    plan = make_plan({"web": [81]}, {"web": 1}, tokens=160, epochs=4.0, stages=stages)
    assert [drawn(s, "web") for s in plan.stages] == [{0: 20}, {0: 20}]
    assert [s.mixture[0].cap_sequences for s in plan.stages] == [20, 20]
    with pytest.raises(ConfigError, match=r"b\.tokens: the plan needs 22 sequences .* give 20"):
        make_plan({"web": [81]}, {"web": 1}, tokens=160, stages=[stage("a"), stage("b", data="repeat", tokens=176)])


def test_epochs_spent_before_are_not_there_any_more(make_plan: PlanMaker) -> None:
    seen = (Seen(name="web", domain="web", tokens=81 * 3),)
    earlier = EarlierStage(
        id="pretrain",
        tokens=1000,
        declared_by="config",
        file_sha256=None,
        learning_rate_end=None,
        global_batch_tokens=None,
        seen=seen,
    )
    plan = make_plan({"web": [81]}, {"web": 1}, tokens=80, earlier=[earlier])
    assert plan.stages[0].mixture[0].cap_sequences == 10
    assert plan.stages[0].start_tokens == 1000
    with pytest.raises(ConfigError, match="give 10 at"):
        make_plan({"web": [81]}, {"web": 1}, tokens=96, earlier=[earlier])


def test_plans_that_share_shards_or_exceed_epochs_are_no_plans(make_plan: PlanMaker) -> None:
    plan = make_plan({"web": [81] * 4}, {"web": 1}, tokens=96, stages=[stage("a", tokens=288), stage("b")])
    a, b = plan.stages
    fields = plan.model_dump(mode="json")
    fields["stages"][1]["mixture"][0]["draws"][0]["shard"] = 2
    with pytest.raises(ValidationError, match="domain web, shard 2: stages a and b both draw from it"):
        Plan.model_validate_json(json.dumps(fields))
    fields = plan.model_dump(mode="json")
    fields["domains"][0]["max_epochs"] = 1.0
    with pytest.raises(ValidationError, match=r"384 tokens over all stages, allowed are 1\.0 epochs of 324"):
        Plan.model_validate_json(json.dumps(fields))
    fields = plan.model_dump(mode="json")
    fields["stages"][1]["start_tokens"] = 0
    with pytest.raises(ValidationError, match="stage b: starts at 0 tokens, 288 were trained before it"):
        Plan.model_validate_json(json.dumps(fields))
    assert (a.data, b.data) == ("disjoint", "disjoint")
