"""Random plans: stages fill their budgets within caps and from their own shards, and every export reads back as the plan."""

from __future__ import annotations

import hashlib
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from token_run import PLAN_TOKENIZER

from midmix.config import Mixture, StageSection, Target
from midmix.config.stages import Boundary, Rate
from midmix.errors import ConfigError, InputError
from midmix.mixer.export.exporter import stage_folder
from midmix.mixer.export.readback import expected
from midmix.mixer.export.trainers import TRAINERS, make_export
from midmix.mixer.plan.allocate import allocate, available_sequences, cap_sequences, spread
from midmix.mixer.plan.buckets import bucket_lengths, make_pools, stock_of
from midmix.mixer.plan.draft import make_draft
from midmix.mixer.plan.joined import find_joints, join
from midmix.mixer.plan.manifest import Plan, parse_plan
from midmix.mixer.plan.models import Cut, Domain, LengthBucket, Packed, Shard, SourceTokens, TokenFile
from midmix.mixer.plan.packing import BEST_FIT, CHUNKS
from midmix.mixer.plan.pool import Piece, make_buckets
from midmix.mixer.plan.wishes import make_wishes
from midmix.mixer.simplex import I64

SHARDS = st.lists(st.lists(st.integers(2, 60), min_size=1, max_size=12), min_size=1, max_size=4)
SUPPLY = st.dictionaries(st.sampled_from(["code", "math", "web"]), SHARDS, min_size=1)
FLOORS = {"short": 0, "long": 24}
MANY = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@st.composite
def stages(draw: st.DrawFn) -> tuple[StageSection, ...]:
    sections = []
    # A stage that repeats cannot stand beside a packed one.
    methods, data = draw(st.sampled_from([([CHUNKS], ["disjoint", "repeat"]), ([CHUNKS, BEST_FIT], ["disjoint"])]))
    for number in range(draw(st.integers(1, 3))):
        fields: dict[str, Any] = {
            "name": f"s{number}",
            "tokens": draw(st.integers(32, 300)),
            "sequence_length": draw(st.sampled_from([8, 16])),
            "global_batch_sequences": 2,
            "data": draw(st.sampled_from(data)),
            "packing": draw(st.sampled_from(methods)),
            "learning_rate": Rate(start=1e-3 / (number + 1), end=draw(st.sampled_from([0.0, 1e-5, 1e-3 / 7]))),
            "boundary": Boundary(learning_rate="restart", batch="changed"),
        }
        if draw(st.booleans()):
            fields["lengths"] = {"short": 0.5, "long": 0.5}
        sections.append(StageSection(**fields))
    return tuple(sections)


def file(name: str, num_bytes: int) -> TokenFile:
    return TokenFile(name=name, bytes=num_bytes, sha256=hashlib.sha256(name.encode()).hexdigest())


def shard_of(domain: str, number: int, piece: Piece) -> Shard:
    bucket = piece.bucket
    floor, ceiling = (bucket.floor, bucket.ceiling) if bucket else (0, None)
    cut = Cut(shard=piece.shard, min_tokens=floor, max_tokens=ceiling, first_document=piece.first)
    return Shard(
        index=number,
        tokens=piece.file_tokens,
        documents=piece.documents,
        bucket=bucket.name if bucket else None,
        cut=None if piece.whole else cut,
        packed=packed_of(f"{domain}-{number}.runs", piece),
        bin=file(f"{domain}-{number}.bin", 2 * piece.file_tokens),
        idx=file(f"{domain}-{number}.idx", 54),
    )


def packed_of(runs: str, piece: Piece) -> Packed | None:
    rows = piece.rows
    if rows is None:
        return None
    padding = rows.tokens - piece.tokens
    return Packed(sequence_length=rows.sequence_length, rows=rows.count, padding=padding, runs=file(runs, 48))


def domain_of(name: str, shards: tuple[Shard, ...], epochs: float) -> Domain:
    tokens = sum(shard.text_tokens for shard in shards)
    return Domain(
        id=name,
        tokens=tokens,
        documents=sum(shard.documents for shard in shards),
        max_epochs=epochs,
        max_epochs_reason="mixture.max_epochs.default",
        spent_epochs=0.0,
        sources=(SourceTokens(source="crawl", tokens=tokens, license=None, snapshot=None),),
        shards=shards,
        heldout=(),
    )


def plan_of(supply: dict[str, list[list[int]]], sections: tuple[StageSection, ...], epochs: float) -> Plan:
    def lengths(domain: str, shard: int) -> I64:
        return np.array(supply[domain][shard], dtype=np.int64)

    whole = [
        domain_of(n, tuple(shard_of(n, i, Piece(i, sum(s), len(s))) for i, s in enumerate(shards)), epochs)
        for n, shards in sorted(supply.items())
    ]
    buckets = make_buckets(FLOORS) if any(s.lengths for s in sections) else ()
    counts = {(n, i): bucket_lengths(lengths(n, i), buckets) for n in supply for i in range(len(supply[n])) if buckets}
    units = {name: 1 + number for number, name in enumerate(sorted(supply))}
    mixture = Mixture(tokens=1, targets={"t": Target(domain="web")})
    draft = make_draft(
        make_pools([stock_of(d) for d in whole], (), buckets, counts),
        buckets,
        make_wishes(sections, mixture, (), units, lambda shares, where: shares),
        (),
        intervals={},
        seed=3,
        lengths=lengths,
    )
    return Plan(
        generator="midmix 0",
        tokenizer=PLAN_TOKENIZER,
        length_buckets=tuple(LengthBucket(id=b.name, min_tokens=b.floor, max_tokens=b.ceiling) for b in buckets),
        domains=tuple(
            domain_of(d.id, tuple(shard_of(d.id, n, p) for n, p in draft.shards[d.id].items()), epochs) for d in whole
        ),
        earlier=(),
        stages=draft.stages,
        evidence=(),
        inputs={},
    )


@MANY
@given(SUPPLY, stages(), st.sampled_from([1.0, 2.5, 40.0]))
def test_every_export_of_a_random_plan_reads_back_as_the_plan(
    supply: dict[str, list[list[int]]], sections: tuple[StageSection, ...], epochs: float
) -> None:
    try:
        plan = plan_of(supply, sections, epochs)  # building it checks caps, sums, shards and continuity
    except ConfigError as error:
        assert "are missing" in str(error)
        return
    assert parse_plan(plan.to_json(), "plan.json") == plan
    for domain in plan.domains:
        assert domain.tokens == sum(map(sum, supply[domain.id]))
    joined = join(plan, find_joints(plan))  # checks the same of the plan as it is exported
    packed = any(stage.packing.method == BEST_FIT for stage in plan.stages)
    for made, (name, trainer) in product((plan, joined), TRAINERS.items()):
        if packed and name == "nanotron":
            with pytest.raises(InputError, match="would not stay whole"):
                make_export(name, made, "")
            continue
        texts = make_export(name, made, "").texts
        for stage in made.stages:
            folder = stage_folder(plan, stage)
            files = {path.removeprefix(folder): text for path, text in texts.items() if path.startswith(folder)}
            assert trainer.read_back(files) == expected(stage)
    for stage, same in zip(plan.stages, joined.stages, strict=True):
        assert {s.domain: s.sequences for s in stage.mixture} == {s.domain: s.sequences for s in same.mixture}
        assert all(s.epochs <= t.epochs for s, t in zip(same.mixture, stage.mixture, strict=True))


@MANY
@given(SUPPLY, st.integers(32, 300), st.sampled_from([1.0, 2.5, 40.0]))
def test_one_stage_draws_what_its_domains_and_shards_give(
    supply: dict[str, list[list[int]]], tokens: int, epochs: float
) -> None:
    """Against the apportionment of whole domains and then of their shards, without stages."""
    rate = Rate(start=1e-3)
    section = StageSection(name="s", tokens=tokens, sequence_length=8, global_batch_sequences=2, learning_rate=rate)
    available = {n: [available_sequences(sum(s), 8) for s in shards] for n, shards in sorted(supply.items())}
    caps = [cap_sequences(sum(a), epochs) for a in available.values()]
    budget = tokens // 16 * 2
    try:
        (stage,) = plan_of(supply, (section,), epochs).stages
    except ConfigError:
        assert sum(caps) < budget
        return
    counts = allocate(budget, list(range(1, len(supply) + 1)), caps)
    wanted = {
        (name, number): drawn
        for (name, a), count in zip(available.items(), counts, strict=True)
        for number, drawn in enumerate(spread(count, a) if count else [])
    }
    assert expected(stage).draws == {key: drawn for key, drawn in wanted.items() if drawn}


def test_a_plan_of_no_tokens_is_refused() -> None:
    with pytest.raises(ConfigError, match="below one global batch"):
        plan_of({"web": [[20]]}, (StageSection(name="s", tokens=8, sequence_length=8, global_batch_sequences=2),), 1.0)
