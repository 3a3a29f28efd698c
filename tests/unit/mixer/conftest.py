"""A small plan, made as the step plan makes one, for the tests of plan and export."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

import pytest

from midmix.config import Mixture, Target
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Claim, Domain, Shard, SourceTokens, TokenFile, Tokenizer
from midmix.mixer.plan.step import Weight, make_stage, plan_sequences

Supply = Mapping[str, Sequence[int]]
PlanMaker = Callable[..., Plan]


def _file(name: str, num_bytes: int) -> TokenFile:
    return TokenFile(name=name, bytes=num_bytes, sha256=hashlib.sha256(name.encode()).hexdigest())


def _shards(domain: str, split: str, tokens: Sequence[int]) -> tuple[Shard, ...]:
    return tuple(
        Shard(
            index=i,
            tokens=n,
            documents=1,
            bin=_file(f"main/{domain}/{split}-{i:05d}.bin", 2 * n),
            idx=_file(f"main/{domain}/{split}-{i:05d}.idx", 54),
        )
        for i, n in enumerate(tokens)
    )


def _domain(name: str, train: Sequence[int], heldout: Sequence[int], epochs: float) -> Domain:
    return Domain(
        id=name,
        tokens=sum(train),
        documents=len(train),
        max_epochs=epochs,
        max_epochs_reason="mixture.max_epochs.default",
        sources=(SourceTokens(source="crawl", tokens=sum(train), license="cc0", snapshot="2026-10"),),
        shards=_shards(name, "train", train),
        heldout=_shards(name, "heldout", heldout),
    )


@pytest.fixture
def make_plan() -> PlanMaker:
    """`make_plan({"math": [tokens per shard, ...]}, {"math": weight in 1e-6}, tokens=...)` gives a plan."""

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
    ) -> Plan:
        domains = tuple(_domain(name, shards, heldout, epochs) for name, shards in sorted(supply.items()))
        mixture = Mixture(
            tokens=tokens,
            sequence_length=length,
            global_batch_sequences=batch,
            targets={"t": Target(domain=domains[0].id)},
        )
        counts = plan_sequences(domains, dict(units), mixture)
        weights = {name: Weight(unit, 0.1, 0.9) for name, unit in units.items()}
        words = "no more than a test"
        claim = {"subject": "overall", "claim": "verdict", "verdict": "weak", "unit": None, "words": words}
        return Plan(
            generator="midmix 0",
            tokenizer=Tokenizer(
                id="t",
                file_sha256="0" * 64,
                vocabulary_size=1000,
                eos_id=0,
                dtype="uint16",
                adds_eos_per_document=True,
                adds_bos_per_document=False,
            ),
            domains=domains,
            stages=(make_stage(domains, counts, weights, mixture, seed),),
            evidence=(Claim(value=None, low=None, high=None, **claim),),
            inputs={"tokens": "1" * 64},
        )

    return make


@pytest.fixture
def plan(make_plan: PlanMaker) -> Plan:
    """Twelve sequences of 8 tokens: math 3 of its 2 + 0 (repeated, second shard empty), web 9 of 10 + 5."""
    return make_plan({"math": [17, 8], "web": [81, 41]}, {"math": 250_000, "web": 750_000}, tokens=100)
