"""The whole plan in numbers, before a file is read or written: stages, and the shards that they draw from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from midmix.errors import ConfigError
from midmix.mixer.plan.allocate import padding_of
from midmix.mixer.plan.chain import Drawn, Served, serve
from midmix.mixer.plan.continuity import check_continuity
from midmix.mixer.plan.models import Draw, EarlierStage, Interval, LengthShare, Share, Stage
from midmix.mixer.plan.pool import Bucket, Lengths, Piece, Pool
from midmix.mixer.plan.wishes import Wish, setting_of

# Pieces of a domain by the number that the plan gives them.
Numbered = Mapping[str, Mapping[int, Piece]]


@dataclass(frozen=True)
class Draft:
    """Stages in integers, and each domain's pieces by shard number: those drawn from, and the rest."""

    stages: tuple[Stage, ...]
    shards: Numbered

    @property
    def cut(self) -> list[tuple[str, int, Piece]]:
        """Domain, number and piece of every shard that must be cut out of a token shard."""
        return [(d, n, piece) for d, pieces in self.shards.items() for n, piece in pieces.items() if not piece.whole]


def make_draft(
    pools: Sequence[Pool],
    buckets: Sequence[Bucket],
    wishes: Sequence[Wish],
    earlier: Sequence[EarlierStage],
    *,
    intervals: Mapping[str, Interval],
    seed: int,
    lengths: Lengths,
) -> Draft:
    """Stages that fill the wishes. Raises ConfigError where supply or continuity do not allow them."""
    served = serve(pools, buckets, [wish.request(setting_of(wish.section)) for wish in wishes], lengths)
    shards = {pool.domain: _numbered(pool, served) for pool in pools}
    numbers = {(domain, piece): n for domain, pieces in shards.items() for n, piece in pieces.items()}
    stages = tuple(
        _stage(order, wish, found, numbers, intervals, seed)
        for order, (wish, found) in enumerate(zip(wishes, served, strict=True))
    )
    try:
        check_continuity(earlier, stages)
    except ValueError as error:
        raise ConfigError(f"config: 'stages': {error}") from None
    return Draft(stages, shards)


def _numbered(pool: Pool, served: Sequence[Served]) -> dict[int, Piece]:
    """Pieces by number: whole shards keep theirs, cut ones get those after, in the order of their documents."""
    held = _unique(
        piece
        for found in served
        for piece in (
            *(d.piece for d in found.by_domain.get(pool.domain, ())),
            *found.spare.get(pool.domain, ()),
        )
    )
    reached = {(p.shard, p.bucket) for p in held}
    pieces = [*held, *(p for p in pool.pieces if (p.shard, p.bucket) not in reached)]
    next_number = 1 + max(piece.shard for piece in pool.pieces)
    whole = {piece.shard: piece for piece in pieces if piece.whole}
    floor = {piece: piece.bucket.floor if piece.bucket else 0 for piece in pieces}
    cut = sorted((p for p in pieces if not p.whole), key=lambda p: (p.shard, floor[p], p.first))
    return dict(sorted(whole.items())) | dict(enumerate(cut, start=next_number))


def _unique(pieces: Iterable[Piece]) -> list[Piece]:
    return list(dict.fromkeys(pieces))


def _stage(
    order: int,
    wish: Wish,
    found: Served,
    numbers: Mapping[tuple[str, Piece], int],
    intervals: Mapping[str, Interval],
    seed: int,
) -> Stage:
    shares = tuple(
        _share(domain, drawn, found, wish, numbers, intervals)
        for domain, drawn in sorted(found.by_domain.items())
        if any(d.sequences for d in drawn)
    )
    section = wish.section
    return Stage(
        id=section.name,
        order=order,
        kind=section.kind,
        tokens_asked=wish.tokens,
        rounding="down to whole global batches",
        start_tokens=wish.start_tokens,
        token_budget=wish.sequences * wish.sequence_length,
        sequences=wish.sequences,
        sequence_length=wish.sequence_length,
        global_batch_sequences=wish.global_batch_sequences,
        # Megatron refuses a seed below 1; equal seeds would put documents in the same order again.
        seed=1 + (seed - 1 + order) % (2**31 - 1),
        data=section.data,
        packing=wish.packing,
        learning_rate=wish.rate,
        rope=section.rope,
        boundary=section.boundary,
        weights_from=wish.weights_from,
        weights_sum=wish.weights_sum,
        replay=wish.replay,
        lengths=_lengths(wish, found),
        mixture=shares,
    )


def _share(
    domain: str,
    drawn: Sequence[Drawn],
    found: Served,
    wish: Wish,
    numbers: Mapping[tuple[str, Piece], int],
    intervals: Mapping[str, Interval],
) -> Share:
    sequences = sum(d.sequences for d in drawn)
    available = sum(d.available for d in drawn)
    cap = sum(cap for (name, _), cap in found.caps.items() if name == domain)
    draws = [Draw(shard=numbers[domain, d.piece], sequences=d.sequences, available=d.available) for d in drawn]
    optimal = wish.weights_from == "optimum" and wish.replay is None
    return Share(
        domain=domain,
        sequences=sequences,
        tokens=sequences * wish.sequence_length,
        padding=padding_of(
            sequences * wish.sequence_length,
            sum(d.piece.file_tokens for d in drawn),
            sum(d.piece.tokens for d in drawn),
        ),
        weight=sequences / wish.sequences,
        weight_asked=wish.units[domain] / sum(wish.units.values()),
        available_sequences=available,
        cap_sequences=cap,
        at_cap=sequences == cap,
        epochs=sequences / available,
        interval=intervals.get(domain) if optimal else None,
        draws=tuple(sorted(draws, key=lambda draw: draw.shard)),
    )


def _lengths(wish: Wish, found: Served) -> tuple[LengthShare, ...]:
    counts: dict[str, int] = defaultdict(int)
    for cell in found.drawn:
        if cell[1] is not None:
            counts[cell[1]] += found.sequences(cell)
    return tuple(LengthShare(bucket=name, sequences=count) for name, count in counts.items() if count)
