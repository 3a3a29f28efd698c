"""Small shards as exports hold them: which are joined, and that the plan's integers stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from midmix.config import StageSection
from midmix.mixer.plan.joined import find_joints, join
from midmix.mixer.plan.manifest import Plan

PlanMaker = Callable[..., Plan]


def stage(name: str, **values: object) -> StageSection:
    rate = {"schedule": "constant", "start": 1e-4}
    return StageSection.model_validate({"name": name, "learning_rate": rate, **values})


def numbers(plan: Plan) -> list[tuple[str, list[int]]]:
    return [(joint.domain, [shard.index for shard in joint.shards]) for joint in find_joints(plan)]


def test_shards_below_a_hundred_sequences_are_joined_and_larger_ones_are_not(make_plan: PlanMaker) -> None:
    plan = make_plan({"math": [17, 8], "web": [799, 800, 41, 13]}, {"math": 250_000, "web": 750_000}, tokens=100)
    assert numbers(plan) == [("math", [0, 1]), ("web", [0, 2, 3])]
    joined = join(plan, find_joints(plan))
    assert [(s.index, s.tokens, s.documents) for s in joined.domain("math").shards] == [(0, 25, 2)]
    assert [(s.index, s.tokens, s.documents) for s in joined.domain("web").shards] == [(0, 853, 3), (1, 800, 1)]
    (_, web) = joined.stages[0].mixture
    (_, planned) = plan.stages[0].mixture
    counts = {draw.shard: draw.sequences for draw in planned.draws}
    assert {d.shard: d.sequences for d in web.draws} == {0: counts[0] + counts[2] + counts[3], 1: counts[1]}
    assert [d.available for d in web.draws] == [852 // 8, 799 // 8]
    assert (web.sequences, web.tokens, web.cap_sequences) == (planned.sequences, planned.tokens, planned.cap_sequences)


def test_sequences_that_lie_across_shards_are_there_to_be_read(make_plan: PlanMaker) -> None:
    plan = make_plan({"web": [13] * 50}, {"web": 1_000_000}, tokens=8 * 40)
    joined = join(plan, find_joints(plan))
    assert (plan.stages[0].mixture[0].available_sequences, plan.stages[0].mixture[0].epochs) == (50, 0.8)
    (share,) = joined.stages[0].mixture
    (draw,) = share.draws
    assert (draw.shard, draw.sequences, draw.available) == (0, 40, 649 // 8)
    assert share.epochs == 40 / 81


def test_the_joined_plan_goes_by_the_hash_of_the_plan(make_plan: PlanMaker) -> None:
    plan = make_plan({"web": [13] * 3}, {"web": 1_000_000}, tokens=16)
    assert join(plan, find_joints(plan)).hash == plan.hash
    alone = make_plan({"web": [13]}, {"web": 1_000_000}, tokens=16)
    assert find_joints(alone) == () and join(alone, ()) is alone


def test_stages_keep_documents_of_their_own(make_plan: PlanMaker) -> None:
    stages = [stage("first", tokens=160), stage("second", tokens=160)]
    plan = make_plan({"web": [41] * 12}, {"web": 1_000_000}, tokens=320, stages=stages)
    firsts, seconds = ({d.shard for d in s.mixture[0].draws} for s in plan.stages)
    assert not firsts & seconds
    assert [set(n) for _, n in numbers(plan)] == [firsts, seconds]
    joined = join(plan, find_joints(plan))
    assert [[d.shard for d in s.mixture[0].draws] for s in joined.stages] == [[min(firsts)], [min(seconds)]]
    assert [s.sequences for s in joined.stages] == [s.sequences for s in plan.stages]


def test_a_stage_that_repeats_shares_the_files_of_the_others(make_plan: PlanMaker) -> None:
    stages = [stage("first", tokens=160), stage("again", tokens=80, data="repeat"), stage("third", tokens=160)]
    plan = make_plan({"web": [41] * 12}, {"web": 1_000_000}, tokens=320, stages=stages)
    joined = join(plan, find_joints(plan))
    first, again, third = ([d.shard for d in s.mixture[0].draws] for s in joined.stages)
    assert len(first) == len(third) == 1 and again == [*first, *third]


def test_the_longest_sequence_that_reads_a_shard_says_whether_it_is_small(make_plan: PlanMaker) -> None:
    stages = [stage("short", tokens=800), stage("long", tokens=800, data="repeat", sequence_length=16)]
    plan = make_plan({"web": [900, 900]}, {"web": 1_000_000}, tokens=800, stages=stages)
    assert numbers(plan) == [("web", [0, 1])]
    assert numbers(make_plan({"web": [900, 900]}, {"web": 1_000_000}, tokens=800)) == []


def test_token_files_that_came_with_the_run_stay_apart(make_plan: PlanMaker) -> None:
    plan = make_plan({"old": [41, 41], "web": [41, 41]}, {"old": 500_000, "web": 500_000}, tokens=80)
    old, web = plan.domains
    given = old.model_copy(update={"max_epochs_reason": "token_files.old.max_epochs"})
    assert numbers(plan.model_copy(update={"domains": (given, web)})) == [("web", [0, 1])]


def test_length_buckets_stay_apart_and_those_that_nothing_is_drawn_from_are_not_written(make_plan: PlanMaker) -> None:
    plan = make_plan({"web": [41] * 6}, {"web": 1_000_000}, tokens=80)
    (web,), (share,) = plan.domains, plan.stages[0].mixture
    buckets = ["long", "long", "short", "short", "none", "none"]
    shards = tuple(replace(shard, bucket=bucket) for shard, bucket in zip(web.shards, buckets, strict=True))
    draws = tuple(replace(draw, sequences=0) if draw.shard > 3 else draw for draw in share.draws)
    stage = plan.stages[0].model_copy(update={"mixture": (share.model_copy(update={"draws": draws}),)})
    changes = {"domains": (web.model_copy(update={"shards": shards}),), "stages": (stage,)}
    assert numbers(plan.model_copy(update=changes)) == [("web", [0, 1]), ("web", [2, 3])]


@pytest.mark.parametrize(
    ("held", "words"),
    [([0, 1, 2], "0-2"), ([0, 2, 3], "0, 2-3"), ([0, 2, 4], "0, 2, 4")],
)
def test_the_shards_are_named_as_ranges(make_plan: PlanMaker, held: list[int], words: str) -> None:
    tokens = [41 if number in held else 800 for number in range(5)]
    (joint,) = find_joints(make_plan({"web": tokens}, {"web": 1_000_000}, tokens=160))
    assert joint.words() == (
        f"domain web: 3 shards of fewer than 100 sequences are one file, 00000, end to end: {words} of the plan"
    )
