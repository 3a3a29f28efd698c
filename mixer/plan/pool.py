"""A domain's supply as the planner sees it: numbers of documents and tokens in pieces of shards, no files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from midmix.mixer.plan.allocate import available_sequences
from midmix.mixer.simplex import I64

# Tokens of every document of a token shard, in order: int64[documents].
Lengths = Callable[[str, int], I64]


@dataclass(frozen=True)
class Bucket:
    """A length bucket: documents of `floor` tokens or more and fewer than `ceiling`."""

    name: str
    floor: int
    ceiling: int | None


@dataclass(frozen=True, slots=True)
class Piece:
    """Documents that stay together: those of a token shard in one length bucket, or a run of these.

    `first` counts among the shard's documents of the bucket; `whole` says that the piece is the shard as it is.
    """

    shard: int
    tokens: int
    documents: int
    bucket: Bucket | None = None
    first: int = 0
    whole: bool = True


@dataclass(frozen=True)
class Pool:
    """A domain's pieces, and how many passes over each of its tokens are left to the stages of the plan."""

    domain: str
    left: Fraction
    pieces: tuple[Piece, ...]

    def in_bucket(self, bucket: str | None) -> tuple[Piece, ...]:
        """The pieces in one length bucket; None stands for pools that do not tell lengths apart."""
        return tuple(p for p in self.pieces if (p.bucket.name if p.bucket else None) == bucket)


def whole_sequences(pieces: Sequence[Piece], sequence_length: int) -> int:
    """Sequences that one pass over the pieces gives."""
    return sum(available_sequences(piece.tokens, sequence_length) for piece in pieces)


def make_buckets(floors: Mapping[str, int]) -> tuple[Bucket, ...]:
    """The buckets of the config, whose floors rise from 0."""
    ends = [*list(floors.values())[1:], *([None] if floors else [])]
    return tuple(Bucket(name, floor, end) for (name, floor), end in zip(floors.items(), ends, strict=True))
