"""Pools of documents from the domains' shards: by length bucket where a stage asks for lengths."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl

from midmix.mixer.plan.checks import tokens_before
from midmix.mixer.plan.models import Domain, EarlierStage
from midmix.mixer.plan.pool import Bucket, Piece, Pool
from midmix.mixer.plan.supply import TOKENIZER, starts_entry
from midmix.mixer.simplex import I64

# Documents and tokens of a shard by number of the length bucket.
Counts = Mapping[tuple[str, int], Sequence[tuple[int, int, int]]]


@dataclass(frozen=True)
class Stock:
    """What a domain holds, in (number, tokens, documents) of its shards, and the passes allowed over it."""

    domain: str
    max_epochs: float
    spent_epochs: float
    shards: tuple[tuple[int, int, int], ...]

    @property
    def tokens(self) -> int:
        """Tokens of all shards."""
        return sum(tokens for _, tokens, _ in self.shards)


def stock_of(domain: Domain) -> Stock:
    """The stock of a domain whose shards the step tokenize made."""
    shards = tuple((shard.index, shard.tokens, shard.documents) for shard in domain.shards)
    return Stock(domain.id, domain.max_epochs, domain.spent_epochs, shards)


def make_pools(
    stocks: Sequence[Stock], earlier: Sequence[EarlierStage], buckets: Sequence[Bucket], counts: Counts
) -> list[Pool]:
    """Pieces of every domain, and the passes that are left: those allowed less those that were made before."""
    before = tokens_before(earlier)
    pools = []
    for stock in stocks:
        spent = Fraction(repr(stock.spent_epochs)) + Fraction(before.get(stock.domain, 0), stock.tokens)
        left = max(Fraction(0), Fraction(repr(stock.max_epochs)) - spent)
        pieces: list[Piece] = []
        for number, tokens, documents in stock.shards:
            held = counts.get((stock.domain, number), [])
            if not buckets:
                pieces.append(Piece(number, tokens, documents))
            else:
                pieces += [Piece(number, t, d, buckets[b], whole=len(held) == 1) for b, d, t in held]
        pools.append(Pool(stock.domain, left, tuple(pieces)))
    return pools


def count_buckets(
    token_files: Sequence[Path], buckets: Sequence[Bucket]
) -> dict[tuple[str, int], list[tuple[int, int, int]]]:
    """(bucket, documents, tokens) of every train shard of TOKENS, in rising order of bucket; joined documents are one."""
    if not buckets:
        return {}
    length = pl.coalesce("entry_tokens", "num_tokens")
    bucket = pl.sum_horizontal((length >= b.floor).cast(pl.Int32) for b in buckets[1:]) if buckets[1:] else pl.lit(0)
    rows = (
        pl.scan_parquet(list(token_files))
        .filter((pl.col("tokenizer") == TOKENIZER) & (pl.col("split") == "train"))
        .group_by("domain", "shard", bucket.alias("bucket"))
        .agg(starts_entry().sum().alias("documents"), pl.col("num_tokens").cast(pl.Int64).sum().alias("tokens"))
        .sort("domain", "shard", "bucket")
        .collect(engine="streaming")
    )
    counts: dict[tuple[str, int], list[tuple[int, int, int]]] = defaultdict(list)
    for domain, shard, number, documents, tokens in rows.iter_rows():
        counts[domain, shard].append((number, documents, tokens))
    return dict(counts)


def bucket_lengths(lengths: I64, buckets: Sequence[Bucket]) -> list[tuple[int, int, int]]:
    """The same of one shard from the tokens of its documents, int64[documents]."""
    numbers = np.searchsorted([b.floor for b in buckets], lengths, side="right") - 1
    found = np.unique(numbers)
    return [(int(n), int((numbers == n).sum()), int(lengths[numbers == n].sum())) for n in found]
