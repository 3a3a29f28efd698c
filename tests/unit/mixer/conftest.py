"""A small plan, made as the step plan makes one, for the tests of plan and export."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from token_run import PLAN_TOKENIZER

from midmix.config import Mixture, StageSection, Target
from midmix.mixer.plan.buckets import make_pools, stock_of
from midmix.mixer.plan.draft import Draft, make_draft
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import (
    Claim,
    Cut,
    Domain,
    EarlierStage,
    Interval,
    Packed,
    Shard,
    SourceTokens,
    TokenFile,
)
from midmix.mixer.plan.pool import Piece
from midmix.mixer.plan.wishes import ANNEAL, make_wishes
from midmix.mixer.simplex import I64

Supply = Mapping[str, Sequence[int]]
PlanMaker = Callable[..., Plan]


def _file(name: str, num_bytes: int) -> TokenFile:
    return TokenFile(name=name, bytes=num_bytes, sha256=hashlib.sha256(name.encode()).hexdigest())


def _shards(domain: str, split: str, tokens: Sequence[int], documents: Sequence[int]) -> tuple[Shard, ...]:
    return tuple(
        Shard(
            index=i,
            tokens=n,
            documents=documents[i],
            bin=_file(f"main/{domain}/{split}-{i:05d}.bin", 2 * n),
            idx=_file(f"main/{domain}/{split}-{i:05d}.idx", 54),
        )
        for i, n in enumerate(tokens)
    )


def _domain(name: str, train: Sequence[int], heldout: Sequence[int], epochs: float, documents: Sequence[int]) -> Domain:
    return Domain(
        id=name,
        tokens=sum(train),
        documents=sum(documents),
        max_epochs=epochs,
        max_epochs_reason="mixture.max_epochs.default",
        spent_epochs=0.0,
        sources=(SourceTokens(source="crawl", tokens=sum(train), license="cc0", snapshot="2026-10"),),
        shards=_shards(name, "train", train, documents),
        heldout=_shards(name, "heldout", heldout, [1] * len(heldout)),
    )


def _drawn_from(domain: Domain, draft: Draft) -> Domain:
    """The domain with the draft's shards, as the step plan writes them."""
    shards = tuple(
        replace(domain.shards[piece.shard], bucket=piece.bucket.name if piece.bucket else None)
        if piece.whole
        else _cut(domain.id, number, piece)
        for number, piece in draft.shards[domain.id].items()
    )
    return domain.model_copy(update={"shards": shards})


def _cut(domain: str, number: int, piece: Piece) -> Shard:
    bucket, rows = piece.bucket, piece.rows
    floor, ceiling = (bucket.floor, bucket.ceiling) if bucket else (0, None)
    runs = _file(f"packed/{domain}/train-{number:05d}.runs", 24 * piece.documents)
    return Shard(
        index=number,
        tokens=piece.file_tokens,
        documents=piece.documents,
        bucket=bucket.name if bucket else None,
        cut=Cut(shard=piece.shard, min_tokens=floor, max_tokens=ceiling, first_document=piece.first),
        packed=Packed(
            sequence_length=rows.sequence_length, rows=rows.count, padding=rows.tokens - piece.tokens, runs=runs
        )
        if rows
        else None,
        bin=_file(f"cut/{domain}/train-{number:05d}.bin", 2 * piece.file_tokens),
        idx=_file(f"cut/{domain}/train-{number:05d}.idx", 54),
    )


@pytest.fixture
def make_plan() -> PlanMaker:
    """`make_plan({"math": [tokens per shard, ...]}, {"math": weight in 1e-6}, tokens=...)` gives a plan.

    Documents have `document_tokens` tokens, the last one of a shard what remains.
    """

    def make(
        supply: Supply,
        units: Mapping[str, int],
        *,
        tokens: int,
        length: int = 8,
        batch: int = 2,
        epochs: float = 4.0,
        heldout: Sequence[int] = (20,),
        seed: int = 7,
        stages: Sequence[StageSection] = (ANNEAL,),
        earlier: Sequence[EarlierStage] = (),
        document_tokens: int = 10**9,
    ) -> Plan:
        def lengths(domain: str, shard: int) -> I64:
            whole, rest = divmod(supply[domain][shard], document_tokens)
            return np.array([document_tokens] * whole + [rest] * (rest > 0))

        domains = tuple(
            _domain(name, shards, heldout, epochs, [len(lengths(name, i)) for i in range(len(shards))])
            for name, shards in sorted(supply.items())
        )
        mixture = Mixture(
            tokens=tokens,
            sequence_length=length,
            global_batch_sequences=batch,
            targets={"t": Target(domain=domains[0].id)},
        )
        wishes = make_wishes(stages, mixture, earlier, dict(units), lambda shares, where: dict(shares))
        interval = Interval(method="posterior", level=0.9, low=0.1, high=0.9)
        draft = make_draft(
            make_pools([stock_of(d) for d in domains], earlier, (), {}),
            (),
            wishes,
            earlier,
            intervals=dict.fromkeys(units, interval),
            seed=seed,
            lengths=lengths,
        )
        words = "no more than a test"
        claim = {"subject": "overall", "claim": "verdict", "verdict": "weak", "unit": None, "words": words}
        return Plan(
            generator="midmix 0",
            tokenizer=PLAN_TOKENIZER,
            length_buckets=(),
            domains=tuple(_drawn_from(domain, draft) for domain in domains),
            earlier=tuple(earlier),
            stages=draft.stages,
            evidence=(Claim(value=None, low=None, high=None, **claim),),
            inputs={"tokens": "1" * 64},
        )

    return make


@pytest.fixture
def packed_plan(make_plan: PlanMaker) -> Plan:
    """Eight rows of 8 tokens from documents of 5: web's 20 rows, of which a pass gives 19, 100 tokens and 60 of padding."""
    section = StageSection(name="anneal", packing="best-fit")
    return make_plan({"web": [100]}, {"web": 1}, tokens=64, stages=[section], document_tokens=5)


@pytest.fixture
def plan(make_plan: PlanMaker) -> Plan:
    """Twelve sequences of 8 tokens: math 3 of its 2 + 0 (repeated, second shard empty), web 9 of 10 + 5."""
    return make_plan({"math": [17, 8], "web": [81, 41]}, {"math": 250_000, "web": 750_000}, tokens=100)
