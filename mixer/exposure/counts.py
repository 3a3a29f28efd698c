"""How often the plan reads documents: expected over any order, exact and by step where a trainer's is replayed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from midmix.mixer.exposure.layout import Layout, LayoutOf
from midmix.mixer.exposure.order import Order, Place, Steps
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import EarlierStage, Shard, Stage
from midmix.mixer.simplex import Mask

BY_PLAN, BEFORE = "by the plan", "before"


@dataclass(frozen=True)
class Exposure:
    """What one stage reads of some documents of one domain; `trained` is BY_PLAN or BEFORE.

    `tokens` are theirs in the shards that the stage draws from, `epochs` the passes that it draws over those shards,
    `tokens_seen` what is expected of them: each shard's passes over its tokens. `shards` has, of every such shard, its
    number and the first and last sequence of a pass that holds their tokens. `steps` are exact, of a replayed order.
    """

    stage: str
    trained: str
    domain: str
    documents: int
    tokens: int
    epochs: float
    tokens_seen: float
    shards: tuple[tuple[int, int, int], ...] = ()
    steps: Steps | None = None

    @property
    def exact_tokens(self) -> int | None:
        """Input tokens that the replayed steps read."""
        return None if self.steps is None else int(self.steps.tokens.sum())


def in_stage(
    plan: Plan, stage: Stage, held: Mapping[Place, Mask], layout_of: LayoutOf, order: Order | None
) -> list[Exposure]:
    """What a stage reads of the documents `held`, by domain; with the steps where its order is given."""
    found = []
    for share in stage.mixture:
        parts = [
            _in_shard(
                draw.sequences, shard, stage, held[share.domain, shard.index], layout_of((share.domain, shard.index))
            )
            for draw, shard in plan.drawn(share)
            if (share.domain, shard.index) in held
        ]
        if not parts:
            continue
        tokens, seen = sum(p.tokens for p in parts), sum(p.seen for p in parts)
        mine = {place: mask for place, mask in held.items() if place[0] == share.domain}
        found.append(
            Exposure(
                stage.id, BY_PLAN, share.domain, sum(p.documents for p in parts), tokens, seen / tokens, seen,
                tuple(p.sequences for p in parts), order.steps_of(mine) if order else None,
            )
        )  # fmt: skip
    return found


@dataclass(frozen=True)
class _InShard:
    documents: int
    tokens: int
    seen: float
    sequences: tuple[int, int, int]


def _in_shard(drawn: int, shard: Shard, stage: Stage, held: Mask, layout: Layout) -> _InShard:
    """Of one shard: the held documents, their tokens, those expected to be seen, and where in a pass they lie."""
    ends = np.cumsum(layout.lengths)
    places = np.flatnonzero(layout.is_held(held))
    tokens = int(layout.lengths[places].sum())
    first, last = int(ends[places[0]] - layout.lengths[places[0]]), int(ends[places[-1]]) - 1
    length = stage.sequence_length
    seen = tokens * drawn * length / shard.tokens
    return _InShard(int(held.sum()), tokens, seen, (shard.index, first // length, last // length))


def before(plan: Plan, held: Mapping[Place, Mask], layout_of: LayoutOf) -> list[Exposure]:
    """What earlier training read of them: declared epochs, and earlier stages, which read whole domains alike."""
    documents: dict[str, int] = defaultdict(int)
    tokens: dict[str, int] = defaultdict(int)
    for place, mask in held.items():
        documents[place[0]] += int(mask.sum())
        tokens[place[0]] += int(layout_of(place).document_lengths()[mask].sum())
    found = []
    for name, count in tokens.items():
        domain = plan.domain(name)
        stages = [("spent_epochs", domain.spent_epochs * domain.tokens)]
        stages += [(s.id, float(seen.tokens)) for s in plan.earlier for seen in s.seen if seen.domain == name]
        found += [
            Exposure(stage, BEFORE, name, documents[name], count, seen / domain.tokens, count * seen / domain.tokens)
            for stage, seen in stages
            if seen
        ]
    return found


def named_before(earlier: tuple[EarlierStage, ...], source: str) -> list[Exposure]:
    """What earlier stages read under a name of which this run has nothing."""
    return [
        Exposure(stage.id, BEFORE, seen.name, 0, 0, 0.0, float(seen.tokens))
        for stage in earlier
        for seen in stage.seen
        if seen.domain is None and seen.name == source
    ]
