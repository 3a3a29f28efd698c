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
class Rows:
    """Documents packed best-fit: `count` rows of `sequence_length` tokens."""

    sequence_length: int
    count: int

    @property
    def tokens(self) -> int:
        """Tokens of all rows, those that fill them up included."""
        return self.sequence_length * self.count


@dataclass(frozen=True, slots=True)
class Piece:
    """Documents that stay together: those of a token shard in one length bucket, or a run of these.

    `first` counts among the shard's documents of the bucket; `whole` says that the piece is the shard as it is; `rows`
    is None where its documents lie end to end.
    """

    shard: int
    tokens: int
    documents: int
    bucket: Bucket | None = None
    first: int = 0
    whole: bool = True
    rows: Rows | None = None

    @property
    def file_tokens(self) -> int:
        """Tokens of its file: those of its documents, and what fills rows up."""
        return self.tokens if self.rows is None else self.rows.tokens

    def available(self, sequence_length: int) -> int:
        """Whole training sequences in one pass. A packed shard gives one less than its rows, since the last label of
        the last one lies in none: trainers that read it would begin the shard again.
        """
        return available_sequences(self.file_tokens, sequence_length)


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
    return sum(piece.available(sequence_length) for piece in pieces)


def make_buckets(floors: Mapping[str, int]) -> tuple[Bucket, ...]:
    """The buckets of the config, whose floors rise from 0."""
    ends = [*list(floors.values())[1:], *([None] if floors else [])]
    return tuple(Bucket(name, floor, end) for (name, floor), end in zip(floors.items(), ends, strict=True))
