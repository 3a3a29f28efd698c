"""Shards of the plan as files of the run: those of tokenize as they are, given ones linked, cut ones written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from midmix.artifact import Attachment
from midmix.mixer.plan.indexed import write_index
from midmix.mixer.plan.models import ITEM_BYTES, Cut, Domain, Shard, TokenFile
from midmix.mixer.plan.pool import Lengths, Piece
from midmix.mixer.plan.token_files import Given
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
    """Makes the plan's shards of one run. `paths` gives the place of each token file of tokenize by its name."""

    def __init__(
        self,
        output: Output,
        dtype: str,
        lengths: Lengths,
        given: Mapping[str, Sequence[Given]],
        paths: Mapping[str, Path],
    ) -> None:
        self.output, self.dtype, self.lengths, self.given, self.paths = output, dtype, lengths, given, paths

    def domain(self, domain: Domain, pieces: Mapping[int, Piece]) -> Domain:
        """The domain with the plan's shards in the place of those of tokenize."""
        old = {shard.index: shard for shard in domain.shards}
        shards = tuple(
            self._whole(old[piece.shard], piece)
            if piece.whole
            else self._cut(domain.id, number, piece, self._path(old[piece.shard]))
            for number, piece in pieces.items()
        )
        return domain.model_copy(update={"shards": shards})

    def given_shards(self, name: str, pieces: Mapping[int, Piece]) -> tuple[Shard, ...]:
        """The shards of a domain that entered as token files."""
        files = self.given[name]
        return tuple(
            self._taken(name, number, piece, files[piece.shard])
            if piece.whole
            else self._cut(name, number, piece, files[piece.shard].tokens_path)
            for number, piece in pieces.items()
        )

    def _path(self, shard: Shard) -> Path:
        return self.paths[shard.bin.name]

    def _whole(self, shard: Shard, piece: Piece) -> Shard:
        return shard if piece.bucket is None else shard.model_copy(update={"bucket": piece.bucket.name})

    def _taken(self, name: str, number: int, piece: Piece, given: Given) -> Shard:
        stem = f"given/{name}/train-{number:05d}"
        bin_file = self._attach(f"{stem}.bin", partial(link_or_copy, given.tokens_path))
        if given.index is not None:
            idx_file = self._attach(f"{stem}.idx", partial(link_or_copy, given.index))
        else:
            idx_file = self._attach(f"{stem}.idx", lambda path: write_index(path, given.lengths(), self.dtype))
        return self._shard(number, piece, None, bin_file, idx_file)

    def _cut(self, domain: str, number: int, piece: Piece, source: Path) -> Shard:
        lengths = self.lengths(domain, piece.shard)
        held = chosen(piece, lengths)
        stem = f"cut/{domain}/train-{number:05d}"
        bin_file = self._attach(f"{stem}.bin", lambda path: write_documents(path, source, self.dtype, lengths, held))
        idx_file = self._attach(f"{stem}.idx", lambda path: write_index(path, lengths[held], self.dtype))
        bucket = piece.bucket
        cut = Cut(
            shard=piece.shard,
            min_tokens=bucket.floor if bucket else 0,
            max_tokens=bucket.ceiling if bucket else None,
            first_document=piece.first,
        )
        return self._shard(number, piece, cut, bin_file, idx_file)

    def _shard(self, number: int, piece: Piece, cut: Cut | None, bin_file: Attachment, idx_file: Attachment) -> Shard:
        assert bin_file.bytes == piece.tokens * ITEM_BYTES[self.dtype]
        files = [TokenFile(name=f.name, bytes=f.bytes, sha256=f.sha256) for f in (bin_file, idx_file)]
        return Shard(
            index=number,
            tokens=piece.tokens,
            documents=piece.documents,
            bucket=piece.bucket.name if piece.bucket else None,
            cut=cut,
            bin=files[0],
            idx=files[1],
        )

    def _attach(self, name: str, write: Callable[[Path], None]) -> Attachment:
        self.output.attach(PLAN, name, write)
        return self.output.attached[-1][2]
