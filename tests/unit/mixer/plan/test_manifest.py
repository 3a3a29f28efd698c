"""The manifest: canonical bytes, a hash that finds edits, and every inconsistency refused with its numbers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from midmix.errors import InputError
from midmix.mixer.plan.checks import is_number
from midmix.mixer.plan.manifest import Plan, parse_plan


def fields_of(plan: Plan) -> dict[str, Any]:
    fields = json.loads(plan.to_json())
    del fields["manifest_hash"]
    return fields


def test_counts_of_the_small_plan(plan: Plan) -> None:
    stage = plan.stages[0]
    assert (stage.sequences, stage.token_budget, stage.tokens_asked) == (12, 96, 100)
    assert [(s.domain, s.sequences, [d.sequences for d in s.draws]) for s in stage.mixture] == [
        ("math", 3, [3, 0]),
        ("web", 9, [6, 3]),
    ]
    assert [s.weight for s in stage.mixture] == [0.25, 0.75]
    assert stage.mixture[0].epochs == 1.5


def test_round_trip_and_same_bytes(plan: Plan) -> None:
    again = parse_plan(plan.to_json(), "plan.json")
    assert again == plan
    assert again.to_json() == plan.to_json()
    assert again.hash == plan.hash


def test_edited_file_is_refused(plan: Plan) -> None:
    edited = plan.to_json().replace(b"no more than a test", b"proven beyond doubt")
    with pytest.raises(InputError, match="it was edited"):
        parse_plan(edited, "plan.json")


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"manifest_hash": 1}'])
def test_other_files_are_refused(text: bytes) -> None:
    with pytest.raises(InputError, match=r"x\.json: got no valid midmix plan"):
        parse_plan(text, "x.json")


def edit(fields: dict[str, Any], path: str, value: Any) -> None:
    *outer, last = [int(p) if p.isdecimal() else p for p in path.split(".")]
    target: Any = fields
    for name in outer:
        target = target[name]
    target[last] = value


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("domains.0.id", "2024", "do not read as a number"),
        ("domains.0.id", "1e5", "do not read as a number"),
        ("domains.0.id", "nan", "do not read as a number"),
        ("domains.0.id", "a/b", "expected 1 to 64"),
        ("domains.0.id", "web", "'web' stands twice"),
        ("domains.0.tokens", 26, "do not add up to 26 tokens"),
        ("domains.0.sources.0.tokens", 24, "its sources do not add up"),
        ("domains.0.shards.0.index", 1, "expected rising numbers"),
        ("domains.0.shards.0.bin.bytes", 17, "has 17 bytes"),
        ("domains.0.max_epochs", 0.5, "24 tokens over all stages, allowed are 0.5 epochs of 25"),
        ("stages.0.sequences", 13, "in whole batches of 2"),
        ("stages.0.global_batch_sequences", 5, "in whole batches of 5"),
        ("stages.0.token_budget", 97, "97 tokens are not 12 sequences of 8"),
        ("stages.0.mixture.0.sequences", 4, "domains sum to 13, expected 12"),
        ("stages.0.mixture.0.domain", "code", "unknown domain 'code'"),
        ("stages.0.mixture.0.cap_sequences", 2, "3 sequences, its cap is 2"),
        ("stages.0.mixture.0.weight", 0.26, "do not follow from 3 sequences"),
        ("stages.0.mixture.0.draws.0.sequences", 2, "shards sum to 2, expected 3"),
        ("stages.0.mixture.0.draws.0.available", 3, "do not add up to 2 available"),
        ("stages.0.mixture.0.draws.0.shard", 9, "draws from shards"),
        ("stages.0.mixture.0.surprise", 1, "Extra inputs are not permitted"),
    ],
)
def test_violations_are_refused_with_their_numbers(plan: Plan, path: str, value: Any, words: str) -> None:
    fields = fields_of(plan)
    edit(fields, path, value)
    with pytest.raises(ValidationError, match=words):
        Plan.model_validate_json(json.dumps(fields))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("domains.0.shards.0.packed.rows", 19, r"160 tokens with 60 of padding are not 19 rows of 8"),
        ("domains.0.shards.0.cut", None, r"are not 20 rows of 8 tokens of documents of another shard"),
        ("domains.0.shards.0.packed.padding", 59, r"do not add up to 100 tokens"),
        ("domains.0.shards.0.packed.runs.bytes", 481, r"are not 20 rows"),
        ("stages.0.mixture.0.padding", 23, r"23 tokens of padding, its shards give 24"),
        ("stages.0.packing.method", "concatenate-and-chunk", r"rows of 8, the stage has sequences of 8 by concatenate"),
    ],
)
def test_rows_that_do_not_add_up_are_refused(packed_plan: Plan, path: str, value: Any, words: str) -> None:
    fields = fields_of(packed_plan)
    edit(fields, path, value)
    with pytest.raises(ValidationError, match=words):
        Plan.model_validate(fields)


def test_a_packed_stage_draws_from_packed_shards_alone(plan: Plan) -> None:
    fields = fields_of(plan)
    edit(fields, "stages.0.packing.method", "best-fit")
    with pytest.raises(ValidationError, match="documents end to end, the stage has sequences of 8 by best-fit"):
        Plan.model_validate(fields)


def test_a_sequence_from_a_shard_that_holds_none_is_refused(plan: Plan) -> None:
    fields = fields_of(plan)
    edit(fields, "stages.0.mixture.0.draws.0.sequences", 2)
    edit(fields, "stages.0.mixture.0.draws.1.sequences", 1)
    with pytest.raises(ValidationError, match="shard 1: 0 sequences do not lie in 8 tokens"):
        Plan.model_validate_json(json.dumps(fields))


@pytest.mark.parametrize(
    ("text", "expected"), [("1", True), ("1e5", True), ("inf", True), (" 7 ", True), ("a1", False)]
)
def test_is_number_reads_as_trainers_do(text: str, expected: bool) -> None:
    assert is_number(text) is expected
