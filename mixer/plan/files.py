"""Shards of the plan as files of the run: those of tokenize as they are, given ones linked, cut ones written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from midmix.megatron_index import write_index
from midmix.mixer.plan.models import ITEM_BYTES, Cut, Domain, Shard, TokenFile
from midmix.mixer.plan.pool import Piece
from midmix.mixer.plan.token_shards import TokenShards
from midmix.mixer.simplex import I64
from midmix.tables import PLAN
from midmix.task import Output


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` the same bytes as `source`: a hard link, or a copy where that is not possible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def chosen(piece: Piece, lengths: I64) -> npt.NDArray[np.bool_]:
    """Which documents of its shard a piece holds, bool[documents]; `lengths` are their tokens, int64[documents]."""
    held = np.ones(len(lengths), dtype=np.bool_)
    if piece.bucket is not None:
        held &= lengths >= piece.bucket.floor
        if piece.bucket.ceiling is not None:
            held &= lengths < piece.bucket.ceiling
    places = np.flatnonzero(held)[piece.first : piece.first + piece.documents]
    held[:] = False
    held[places] = True
    return held


def write_documents(path: Path, source: Path, dtype: str, lengths: I64, held: npt.NDArray[np.bool_]) -> None:
    """Copy the documents that are `held` out of the token file `source`, in order."""
    tokens = np.memmap(source, dtype=np.dtype(dtype).newbyteorder("<"), mode="r")
    ends = np.cumsum(lengths)
    edges = np.flatnonzero(np.diff(held.astype(np.int8), prepend=0, append=0))
    with path.open("wb") as stream:
        for first, after in edges.reshape(-1, 2):
            tokens[ends[first] - lengths[first] : ends[after - 1]].tofile(stream)


class ShardWriter:
    """Makes the plan's shards of one run from its token shards: `pieces` are those of every domain by their numbers.

    Those that are shards of tokenize as they are stay where they are; the files of all others are written at once.
    """

    def __init__(
        self, output: Output, dtype: str, tokens: TokenShards, pieces: Mapping[str, Mapping[int, Piece]]
    ) -> None:
        self.dtype, self.tokens, self.pieces = dtype, tokens, pieces
        writes = {
            name: write
            for domain, numbered in pieces.items()
            for number, piece in numbered.items()
            if not piece.whole or domain in tokens.given
            for name, write in self._files(domain, number, piece)
        }
        self.files = dict(zip(writes, output.attach_all(PLAN, writes), strict=True))

    def domain(self, domain: Domain) -> Domain:
        """The domain with the plan's shards in the place of those of tokenize."""
        old = {shard.index: shard for shard in domain.shards}
        shards = tuple(
            self._whole(old[piece.shard], piece) if piece.whole else self._written(domain.id, number, piece)
            for number, piece in self.pieces[domain.id].items()
        )
        return domain.model_copy(update={"shards": shards})

    def given_shards(self, name: str) -> tuple[Shard, ...]:
        """The shards of a domain that entered as token files."""
        return tuple(self._written(name, number, piece) for number, piece in self.pieces[name].items())

    def _whole(self, shard: Shard, piece: Piece) -> Shard:
        return shard if piece.bucket is None else replace(shard, bucket=piece.bucket.name)

    def _files(self, domain: str, number: int, piece: Piece) -> Iterator[tuple[str, Callable[[Path], None]]]:
        """Names of a shard's files, and what writes each."""
        stem = _stem(domain, number, piece)
        if not piece.whole:
            yield f"{stem}.bin", partial(self._cut_tokens, domain, piece)
            yield f"{stem}.idx", partial(self._cut_index, domain, piece)
            return
        given = self.tokens.given[domain][piece.shard]
        yield f"{stem}.bin", partial(link_or_copy, given.tokens_path)
        if given.index is not None:
            yield f"{stem}.idx", partial(link_or_copy, given.index)
        else:
            yield f"{stem}.idx", lambda path: write_index(path, given.lengths(), self.dtype)

    def _cut_tokens(self, domain: str, piece: Piece, path: Path) -> None:
        lengths = self.tokens.lengths(domain, piece.shard)
        source = self.tokens.bin_path(domain, piece.shard)
        write_documents(path, source, self.dtype, lengths, chosen(piece, lengths))

    def _cut_index(self, domain: str, piece: Piece, path: Path) -> None:
        lengths = self.tokens.lengths(domain, piece.shard)
        write_index(path, lengths[chosen(piece, lengths)], self.dtype)

    def _written(self, domain: str, number: int, piece: Piece) -> Shard:
        made = [self.files[f"{_stem(domain, number, piece)}.{suffix}"] for suffix in ("bin", "idx")]
        assert made[0].bytes == piece.tokens * ITEM_BYTES[self.dtype]
        bin_file, idx_file = (TokenFile(name=f.name, bytes=f.bytes, sha256=f.sha256) for f in made)
        return Shard(
            index=number,
            tokens=piece.tokens,
            documents=piece.documents,
            bucket=piece.bucket.name if piece.bucket else None,
            cut=None if piece.whole else _cut_of(piece),
            bin=bin_file,
            idx=idx_file,
        )


def _stem(domain: str, number: int, piece: Piece) -> str:
    return f"{'given' if piece.whole else 'cut'}/{domain}/train-{number:05d}"


def _cut_of(piece: Piece) -> Cut:
    bucket = piece.bucket
    return Cut(
        shard=piece.shard,
        min_tokens=bucket.floor if bucket else 0,
        max_tokens=bucket.ceiling if bucket else None,
        first_document=piece.first,
    )
