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
from midmix.mixer.plan.best_fit import PADDING, pack, run_blocks
from midmix.mixer.plan.models import ITEM_BYTES, Cut, Domain, Packed, Shard, TokenFile, Tokenizer
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


def write_rows(path: Path, source: Path, tokenizer: Tokenizer, starts: I64, runs: I64) -> None:
    """Write rows of documents of the token file `source`, filled up with end-of-text ids.

    `starts` is the first token of each document there, int64[documents]; `runs` as `best_fit.pack` gives them.
    """
    item = np.dtype(tokenizer.dtype).newbyteorder("<")
    tokens = np.memmap(source, dtype=item, mode="r")
    documents, firsts, sizes = runs.T
    filling = documents == PADDING
    begins = np.where(filling, 0, starts[documents] + firsts)
    with path.open("wb") as stream:
        for part in run_blocks(sizes):
            ends = np.cumsum(sizes[part])
            places = np.repeat(begins[part] - ends + sizes[part], sizes[part]) + np.arange(ends[-1])
            content = tokens[places]
            content[np.repeat(filling[part], sizes[part])] = tokenizer.eos_id
            content.tofile(stream)


class ShardWriter:
    """Makes the plan's shards of one run from its token shards: `pieces` are those of every domain by their numbers.

    Those that are shards of tokenize as they are stay where they are; the files of all others are written at once.
    `seed` orders the rows of packed ones.
    """

    def __init__(
        self,
        output: Output,
        tokenizer: Tokenizer,
        tokens: TokenShards,
        pieces: Mapping[str, Mapping[int, Piece]],
        seed: int,
    ) -> None:
        self.tokenizer, self.tokens, self.pieces, self.seed = tokenizer, tokens, pieces, seed
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
        if piece.rows is not None:
            rows = np.full(piece.rows.count, piece.rows.sequence_length)
            yield f"{stem}.bin", partial(self._pack_tokens, domain, number, piece)
            yield f"{stem}.idx", lambda path: write_index(path, rows, self.tokenizer.dtype)
            yield f"{stem}.runs", partial(self._pack_runs, domain, number, piece)
            return
        if not piece.whole:
            yield f"{stem}.bin", partial(self._cut_tokens, domain, piece)
            yield f"{stem}.idx", partial(self._cut_index, domain, piece)
            return
        given = self.tokens.given[domain][piece.shard]
        yield f"{stem}.bin", partial(link_or_copy, given.tokens_path)
        if given.index is not None:
            yield f"{stem}.idx", partial(link_or_copy, given.index)
        else:
            yield f"{stem}.idx", lambda path: write_index(path, given.lengths(), self.tokenizer.dtype)

    def _cut_tokens(self, domain: str, piece: Piece, path: Path) -> None:
        lengths = self.tokens.lengths(domain, piece.shard)
        source = self.tokens.bin_path(domain, piece.shard)
        write_documents(path, source, self.tokenizer.dtype, lengths, chosen(piece, lengths))

    def _cut_index(self, domain: str, piece: Piece, path: Path) -> None:
        lengths = self.tokens.lengths(domain, piece.shard)
        write_index(path, lengths[chosen(piece, lengths)], self.tokenizer.dtype)

    def _pack_tokens(self, domain: str, number: int, piece: Piece, path: Path) -> None:
        lengths = self.tokens.lengths(domain, piece.shard)
        starts = (np.cumsum(lengths) - lengths)[chosen(piece, lengths)]
        source = self.tokens.bin_path(domain, piece.shard)
        write_rows(path, source, self.tokenizer, starts, self._runs(domain, number, piece))

    def _pack_runs(self, domain: str, number: int, piece: Piece, path: Path) -> None:
        path.write_bytes(self._runs(domain, number, piece).astype("<i8").tobytes())

    def _runs(self, domain: str, number: int, piece: Piece) -> I64:
        """Where the documents of a packed piece lie; the same whenever it is asked for."""
        assert piece.rows is not None
        lengths = self.tokens.lengths(domain, piece.shard)
        generator = np.random.Generator(np.random.PCG64([self.seed % 2**64, number, *domain.encode()]))
        return pack(lengths[chosen(piece, lengths)], piece.rows.sequence_length, generator)

    def _written(self, domain: str, number: int, piece: Piece) -> Shard:
        stem = _stem(domain, number, piece)
        bin_file, idx_file = (self._file(f"{stem}.{suffix}") for suffix in ("bin", "idx"))
        assert bin_file.bytes == piece.file_tokens * ITEM_BYTES[self.tokenizer.dtype]
        rows = piece.rows
        return Shard(
            index=number,
            tokens=piece.file_tokens,
            documents=piece.documents,
            bucket=piece.bucket.name if piece.bucket else None,
            cut=None if piece.whole else _cut_of(piece),
            packed=Packed(
                sequence_length=rows.sequence_length,
                rows=rows.count,
                padding=rows.tokens - piece.tokens,
                runs=self._file(f"{stem}.runs"),
            )
            if rows
            else None,
            bin=bin_file,
            idx=idx_file,
        )

    def _file(self, name: str) -> TokenFile:
        made = self.files[name]
        return TokenFile(name=made.name, bytes=made.bytes, sha256=made.sha256)


def _stem(domain: str, number: int, piece: Piece) -> str:
    made = "given" if piece.whole else "cut" if piece.rows is None else "packed"
    return f"{made}/{domain}/train-{number:05d}"


def _cut_of(piece: Piece) -> Cut:
    bucket = piece.bucket
    return Cut(
        shard=piece.shard,
        min_tokens=bucket.floor if bucket else 0,
        max_tokens=bucket.ceiling if bucket else None,
        first_document=piece.first,
    )
