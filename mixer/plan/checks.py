"""What must hold in every plan, each violation with the domain and the number. Linear in shards and draws."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

from midmix.mixer.plan.allocate import available_sequences, padding_of
from midmix.mixer.plan.models import ITEM_BYTES, Domain, EarlierStage, LengthBucket, Shard, Share, Stage, Tokenizer

# A run of a packed shard: three int64.
RUN_BYTES = 24
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def is_number(text: str) -> bool:
    """Whether a trainer that parses numbers out of paths and names would take `text` for one (`1e5`, `nan`, `2024`)."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_unique(what: str, names: Iterable[object]) -> None:
    """Raise ValueError for a name that stands twice."""
    seen: set[object] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name!r} stands twice")
        seen.add(name)


def check_tokenizer(tokenizer: Tokenizer) -> None:
    """Raise ValueError where the token files' dtype cannot hold the tokenizer's ids."""
    most = 1 << (16 if tokenizer.dtype == "uint16" else 31)
    if tokenizer.vocabulary_size > most:
        raise ValueError(
            f"tokenizer {tokenizer.id}: {tokenizer.vocabulary_size} ids do not fit into {tokenizer.dtype}, "
            f"which holds {most}: the token files are another tokenizer's"
        )


def check_domain(domain: Domain, dtype: str, buckets: Sequence[LengthBucket]) -> None:
    """Names, sums and sizes of a domain's shards."""
    name = domain.id
    if not NAME.fullmatch(name) or is_number(name):
        raise ValueError(
            f"domain {name!r}: expected 1 to 64 of A-Z, a-z, 0-9, '_', '.', '-' that do not read as a number"
        )
    known = {bucket.id for bucket in buckets}
    for shards in (domain.shards, domain.heldout):
        if any(a.index >= b.index for a, b in pairwise(shards)):
            raise ValueError(f"domain {name}: shards are numbered {[s.index for s in shards]}, expected rising numbers")
        for shard in shards:
            _check_shard(shard, name, ITEM_BYTES[dtype], known)
    if (
        sum(s.text_tokens for s in domain.shards) != domain.tokens
        or sum(s.documents for s in domain.shards) != domain.documents
    ):
        raise ValueError(
            f"domain {name}: its shards do not add up to {domain.tokens} tokens in {domain.documents} documents"
        )
    if sum(s.tokens for s in domain.sources) != domain.tokens:
        raise ValueError(f"domain {name}: its sources do not add up to {domain.tokens} tokens")


def _check_shard(shard: Shard, domain: str, item_bytes: int, buckets: set[str]) -> None:
    if shard.bin.bytes != shard.tokens * item_bytes:
        raise ValueError(
            f"domain {domain}: {shard.bin.name} has {shard.bin.bytes} bytes, "
            f"{shard.tokens} tokens of {item_bytes} bytes were expected"
        )
    if shard.bucket is not None and shard.bucket not in buckets:
        raise ValueError(f"domain {domain}, shard {shard.index}: no length bucket {shard.bucket!r} in the plan")
    packed = shard.packed
    if packed and (
        shard.cut is None
        or shard.tokens != packed.rows * packed.sequence_length
        or packed.padding >= shard.tokens
        or packed.runs.bytes % RUN_BYTES
    ):
        raise ValueError(
            f"domain {domain}, shard {shard.index}: {shard.tokens} tokens with {packed.padding} of padding are not "
            f"{packed.rows} rows of {packed.sequence_length} tokens of documents of another shard"
        )


def check_stage(stage: Stage, domains: Mapping[str, Domain], buckets: Sequence[LengthBucket]) -> None:
    """Sums of a stage, and that its draws lie in the shards."""
    where = f"stage {stage.id}"
    check_unique(f"{where}: domain", (share.domain for share in stage.mixture))
    if stage.token_budget != stage.sequences * stage.sequence_length or stage.sequences % stage.global_batch_sequences:
        raise ValueError(
            f"{where}: {stage.token_budget} tokens are not {stage.sequences} sequences of {stage.sequence_length} "
            f"in whole batches of {stage.global_batch_sequences}"
        )
    if sum(share.sequences for share in stage.mixture) != stage.sequences:
        raise ValueError(
            f"{where}: domains sum to {sum(s.sequences for s in stage.mixture)}, expected {stage.sequences}"
        )
    drawn: dict[str | None, int] = defaultdict(int)
    for share in stage.mixture:
        if share.domain not in domains:
            raise ValueError(f"{where}: unknown domain {share.domain!r}")
        shards = {shard.index: shard for shard in domains[share.domain].shards}
        _check_share(share, stage, shards, f"{where}, domain {share.domain}")
        for draw in share.draws:
            drawn[shards[draw.shard].bucket] += draw.sequences
    _check_lengths(stage, drawn, {bucket.id for bucket in buckets}, where)


def _check_lengths(stage: Stage, drawn: Mapping[str | None, int], known: set[str], where: str) -> None:
    for length in stage.lengths:
        if length.bucket not in known:
            raise ValueError(f"{where}: no length bucket {length.bucket!r} in the plan")
        if length.sequences != drawn.get(length.bucket, 0):
            raise ValueError(
                f"{where}: {length.sequences} sequences of length {length.bucket}, "
                f"its draws give {drawn.get(length.bucket, 0)}"
            )


def _check_share(share: Share, stage: Stage, shards: Mapping[int, Shard], where: str) -> None:
    if any(a.shard >= b.shard for a, b in pairwise(share.draws)) or any(d.shard not in shards for d in share.draws):
        raise ValueError(f"{where}: draws from shards {[d.shard for d in share.draws]}, it has {len(shards)}")
    if sum(draw.sequences for draw in share.draws) != share.sequences:
        raise ValueError(f"{where}: shards sum to {sum(d.sequences for d in share.draws)}, expected {share.sequences}")
    if sum(draw.available for draw in share.draws) != share.available_sequences:
        raise ValueError(f"{where}: shards do not add up to {share.available_sequences} available sequences")
    for draw in share.draws:
        tokens = shards[draw.shard].tokens
        if draw.available != available_sequences(tokens, stage.sequence_length) or (
            draw.sequences and not draw.available
        ):
            raise ValueError(f"{where}, shard {draw.shard}: {draw.available} sequences do not lie in {tokens} tokens")
        _check_packing(shards[draw.shard], stage, where)
    drawn = [shards[draw.shard] for draw in share.draws]
    padding = padding_of(share.tokens, sum(s.tokens for s in drawn), sum(s.text_tokens for s in drawn))
    if share.padding != padding:
        raise ValueError(f"{where}: {share.padding} tokens of padding, its shards give {padding}")
    if share.sequences > share.cap_sequences:
        raise ValueError(f"{where}: {share.sequences} sequences, its cap is {share.cap_sequences}")
    if share.tokens != share.sequences * stage.sequence_length or share.weight != share.sequences / stage.sequences:
        raise ValueError(
            f"{where}: tokens {share.tokens} or weight {share.weight} do not follow from {share.sequences} sequences"
        )


def _check_packing(shard: Shard, stage: Stage, where: str) -> None:
    packed = shard.packed.sequence_length if shard.packed else None
    if packed != (stage.sequence_length if stage.packing.method == "best-fit" else None):
        raise ValueError(
            f"{where}, shard {shard.index}: {f'rows of {packed}' if packed else 'documents end to end'}, the stage has "
            f"sequences of {stage.sequence_length} by {stage.packing.method}"
        )


def check_epochs(domains: Sequence[Domain], earlier: Sequence[EarlierStage], stages: Sequence[Stage]) -> None:
    """Raise ValueError for a domain that is passed over more often than allowed, in all stages and before them."""
    drawn: dict[str, int] = defaultdict(int)
    for stage in stages:
        for share in stage.mixture:
            drawn[share.domain] += share.tokens - share.padding
    before = tokens_before(earlier)
    for domain in domains:
        if not drawn[domain.id]:
            continue
        spent = Fraction(repr(domain.spent_epochs)) * domain.tokens + before.get(domain.id, 0)
        if drawn[domain.id] + spent > Fraction(repr(domain.max_epochs)) * domain.tokens:
            earlier_words = f" and {int(spent)} before" if spent else ""
            raise ValueError(
                f"domain {domain.id}: {drawn[domain.id]} tokens over all stages{earlier_words}, allowed are "
                f"{domain.max_epochs} epochs of {domain.tokens}"
            )


def tokens_before(earlier: Sequence[EarlierStage]) -> dict[str, int]:
    """Tokens of each domain that earlier stages read."""
    tokens: dict[str, int] = defaultdict(int)
    for stage in earlier:
        for seen in stage.seen:
            if seen.domain is not None:
                tokens[seen.domain] += seen.tokens
    return dict(tokens)


def check_earlier(earlier: Sequence[EarlierStage], domains: Mapping[str, Domain]) -> None:
    """Names and sums of earlier stages."""
    for stage in earlier:
        if sum(seen.tokens for seen in stage.seen) > stage.tokens:
            raise ValueError(
                f"earlier stage {stage.id}: read {sum(s.tokens for s in stage.seen)} tokens, it had {stage.tokens}"
            )
        for seen in stage.seen:
            if seen.domain is not None and seen.domain not in domains:
                raise ValueError(f"earlier stage {stage.id}: unknown domain {seen.domain!r}")


def check_disjoint(stages: Sequence[Stage]) -> None:
    """Raise ValueError where two stages draw from one shard and neither is meant to repeat."""
    reader: dict[tuple[str, int], str] = {}
    for stage in stages:
        if stage.data == "repeat":
            continue
        for share in stage.mixture:
            for draw in share.draws:
                if not draw.sequences:
                    continue
                other = reader.setdefault((share.domain, draw.shard), stage.id)
                if other != stage.id:
                    raise ValueError(
                        f"domain {share.domain}, shard {draw.shard}: stages {other} and {stage.id} both draw from it; "
                        f"give each its own shards, or declare data: repeat"
                    )


def check_buckets(buckets: Sequence[LengthBucket]) -> None:
    """Raise ValueError unless the buckets follow one another from 0 without a gap, the last one open."""
    ends = [0, *(bucket.max_tokens for bucket in buckets)]
    floors = [*(bucket.min_tokens for bucket in buckets), None]
    if buckets and (ends != floors or any(a >= b for a, b in pairwise(floors[:-1]))):  # type: ignore[operator]
        raise ValueError(
            f"length buckets: got {[(b.id, b.min_tokens, b.max_tokens) for b in buckets]}, expected no gap"
        )
