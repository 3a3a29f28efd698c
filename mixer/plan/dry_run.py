"""A plan before it is spent on: tokens, epochs, disk, and GPU-hours for a model of a given size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from midmix.mixer.plan.buckets import Stock
from midmix.mixer.plan.checks import tokens_before
from midmix.mixer.plan.draft import Draft
from midmix.mixer.plan.models import ITEM_BYTES, EarlierStage, Stage
from midmix.mixer.plan.schedule import rate_at

SECONDS_PER_HOUR = 3600
# Forward and backward pass of a dense transformer, per parameter and token.
FLOPS = 6


@dataclass(frozen=True)
class StageCost:
    """A stage as it would be trained: `gpu_hours` is None without a model size."""

    stage: Stage
    steps: int
    rates: tuple[float, float, float]
    gpu_hours: float | None


@dataclass(frozen=True)
class DomainUse:
    """A domain over the whole chain: tokens by stage, those read before, and passes against those allowed.

    Tokens that fill rows up are no part of a pass.
    """

    domain: str
    supply: int
    by_stage: tuple[int, ...]
    before: int
    epochs: float
    max_epochs: float


@dataclass(frozen=True)
class Chain:
    """The whole chain. Bytes are those of token files: linked ones cost no disk beside the run."""

    stages: tuple[StageCost, ...]
    domains: tuple[DomainUse, ...]
    bytes_linked: int
    bytes_written: int


def chain_of(
    draft: Draft,
    stocks: Sequence[Stock],
    earlier: Sequence[EarlierStage],
    *,
    dtype: str,
    parameters: int | None,
    flops_per_second: float,
) -> Chain:
    """Figures of a plan. `flops_per_second` is what one GPU achieves: its peak times the share of it that is used."""
    stages = draft.stages
    item = ITEM_BYTES[dtype]
    drawn = {(s.domain, d.shard) for stage in stages for s in stage.mixture for d in s.draws if d.sequences}
    linked = sum(
        piece.tokens
        for domain, pieces in draft.shards.items()
        for number, piece in pieces.items()
        if piece.whole and (domain, number) in drawn
    )
    return Chain(
        tuple(_stage(stage, parameters, flops_per_second) for stage in stages),
        tuple(_uses(stocks, earlier, stages)),
        linked * item,
        sum(piece.file_tokens for _, _, piece in draft.cut) * item,
    )


def _stage(stage: Stage, parameters: int | None, flops_per_second: float) -> StageCost:
    hours = None
    if parameters is not None:
        hours = FLOPS * parameters * stage.token_budget / flops_per_second / SECONDS_PER_HOUR
    points = (0, stage.token_budget // 2, stage.token_budget)
    first, middle, last = (rate_at(stage, tokens) for tokens in points)
    return StageCost(stage, stage.sequences // stage.global_batch_sequences, (first, middle, last), hours)


def _uses(stocks: Sequence[Stock], earlier: Sequence[EarlierStage], stages: Sequence[Stage]) -> list[DomainUse]:
    before = tokens_before(earlier)
    tokens: dict[str, list[int]] = defaultdict(lambda: [0] * len(stages))
    padding: dict[str, int] = defaultdict(int)
    for number, stage in enumerate(stages):
        for share in stage.mixture:
            tokens[share.domain][number] = share.tokens
            padding[share.domain] += share.padding
    uses = []
    for stock in sorted(stocks, key=lambda stock: stock.domain):
        by_stage = tokens[stock.domain]
        read = before.get(stock.domain, 0)
        epochs = (sum(by_stage) - padding[stock.domain] + read) / stock.tokens + stock.spent_epochs
        uses.append(DomainUse(stock.domain, stock.tokens, tuple(by_stage), read, epochs, stock.max_epochs))
    return uses
