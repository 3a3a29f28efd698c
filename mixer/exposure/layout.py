"""How the plan's shards are laid out: which document every token of the file is of, from their indices in the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from midmix.disk import has_size
from midmix.errors import InputError
from midmix.mixer.exposure.grouped import Grouped
from midmix.mixer.plan.best_fit import PADDING
from midmix.mixer.plan.files import chosen
from midmix.mixer.plan.indexed import read_lengths
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Shard
from midmix.mixer.plan.pool import Bucket, Piece
from midmix.mixer.plan.supply import TOKENIZER
from midmix.mixer.simplex import I64, Mask
from midmix.table_manifest import load_manifest
from midmix.tables import PLAN, TOKENS


@dataclass(frozen=True)
class Layout:
    """Runs of tokens of one document, in the order of a shard's file: int64[runs] each.

    `documents` are ordinals in the shard (PADDING where a row is filled up), `firsts` the first token of each document.
    `entries` are the runs that begin an entry of the index, which a trainer keeps whole, and the number of runs:
    int64[entries + 1].
    """

    documents: I64
    firsts: I64
    lengths: I64
    entries: I64

    @property
    def entry_lengths(self) -> I64:
        """Tokens of every entry of the index, int64[entries]."""
        return np.add.reduceat(self.lengths, self.entries[:-1])

    @property
    def num_documents(self) -> int:
        """Documents of the shard."""
        return int(self.documents.max(initial=-1)) + 1

    def document_lengths(self) -> I64:
        """Tokens of every document of the shard, int64[documents]."""
        text = self.documents != PADDING
        lengths = np.zeros(self.num_documents, np.int64)
        np.add.at(lengths, self.documents[text], self.lengths[text])
        return lengths

    def runs_of(self, entries: I64) -> I64:
        """Runs of some entries of the index, in their order, int64[n]."""
        counts = np.diff(self.entries)[entries]
        ends = np.cumsum(counts)
        return np.repeat(self.entries[entries] - ends + counts, counts) + np.arange(counts.sum())

    def is_held(self, held: Mask) -> Mask:
        """Which runs are of the documents that are `held`, bool[documents]: bool[runs]."""
        found: Mask = held[self.documents] & (self.documents != PADDING)
        return found

    def only(self, entries: Mask) -> Layout:
        """Of whole documents end to end, those of the `entries` that are held, bool[entries], with ordinals of their own."""
        places = np.flatnonzero(entries)
        return end_to_end(self.lengths[self.runs_of(places)], np.diff(self.entries)[places])

    def taken_apart(self, whole: Layout) -> Layout:
        """The same tokens as runs of the documents of `whole`, whose entries our documents are."""
        text = self.documents != PADDING
        ends = np.cumsum(whole.lengths)
        entry_starts = ends[whole.entries[:-1]] - whole.lengths[whole.entries[:-1]]
        starts = np.where(text, entry_starts[self.documents] + self.firsts, 0)
        first, last = (np.searchsorted(ends, at, side="right") for at in (starts, starts + self.lengths - 1))
        counts = np.where(text, last - first + 1, 1)
        run = np.repeat(np.arange(len(counts)), counts)
        document = first[run] + np.arange(len(run)) - (np.cumsum(counts) - counts)[run]
        begins = ends[document] - whole.lengths[document]
        begin = np.maximum(starts[run], begins)
        end = np.minimum((starts + self.lengths)[run], ends[document])
        return Layout(
            np.where(text[run], document, PADDING),
            np.where(text[run], begin - begins, 0),
            np.where(text[run], end - begin, self.lengths[run]),
            np.append(0, np.cumsum(counts))[self.entries],
        )


def end_to_end(lengths: I64, counts: I64 | None = None) -> Layout:
    """The layout of whole documents of `lengths` tokens, int64[documents]; `counts` are those in each entry, 1 without."""
    ordinals = np.arange(len(lengths) + 1)
    entries = ordinals if counts is None else np.append(0, np.cumsum(counts))
    return Layout(ordinals[:-1], np.zeros(len(lengths), np.int64), lengths, entries)


def joined(layouts: Sequence[Layout]) -> Layout:
    """The layout of shards of whole documents that are one file, end to end."""
    lengths = np.concatenate([layout.lengths for layout in layouts])
    return end_to_end(lengths, np.concatenate([np.diff(layout.entries) for layout in layouts]))


def in_rows(runs: I64, sequence_length: int) -> Layout:
    """The layout of a packed shard by its file of runs, int64[runs, 3]; every row is an entry."""
    documents, firsts, lengths = np.ascontiguousarray(runs.T)
    begins = np.flatnonzero((np.cumsum(lengths) - lengths) % sequence_length == 0)
    return Layout(documents, firsts, lengths, np.append(begins, len(runs)))


# Layout of a shard (domain, number).
LayoutOf = Callable[[tuple[str, int]], Layout]


class Layouts:
    """Layouts of a run's token shards, the last few kept: of those of its plan, and of those that tokenize made.

    Raises InputError where the run's tokens are others than the plan was made of; so do its methods where a file is gone.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        tokens = load_manifest(folder, TOKENS.name)
        if tokens.digest != plan.inputs[TOKENS.name]:
            raise InputError(f"{folder}: holds other tokens than the plan counts. Run the step plan again.")
        self._folder = folder
        self._attached = {a.name: a for a in (*tokens.attached, *load_manifest(folder, PLAN.name).attached)}
        self._shards = {(domain.id, shard.index): shard for domain in plan.domains for shard in domain.shards}
        self._grouped = Grouped(tokens.paths(folder))
        self.of = lru_cache(maxsize=64)(self._of)
        self.made = lru_cache(maxsize=64)(self._made)

    def _of(self, place: tuple[str, int]) -> Layout:
        """Of a shard of the plan."""
        shard = self._shards[place]
        if shard.packed is None:
            layout = end_to_end(read_lengths(self._path(shard.idx.name, shard.idx.bytes)))
        else:
            runs = self._path(shard.packed.runs.name, shard.packed.runs.bytes)
            layout = in_rows(np.fromfile(runs, "<i8").reshape(-1, 3), shard.packed.sequence_length)
        made_of = place[0], made_number(shard)
        if made_of not in self._grouped.shards:
            return layout
        whole = self.made(made_of)
        return layout.taken_apart(whole if shard.cut is None else whole.only(self._entries(place[0], shard)))

    def _made(self, place: tuple[str, int]) -> Layout:
        """Of a shard that the step tokenize made."""
        if place in self._grouped.shards:
            return end_to_end(*self._grouped.documents(*place))
        name = f"{TOKENIZER}/{place[0]}/train-{place[1]:05d}.idx"
        return end_to_end(read_lengths(self._path(name, self._attached[name].bytes)))

    def held(self, domain: str, shard: Shard) -> Mask:
        """Which documents of the shard of tokenize a shard of the plan holds, bool[documents]."""
        made = self.made((domain, made_number(shard)))
        if shard.cut is None:
            return np.ones(made.num_documents, np.bool_)
        return np.repeat(self._entries(domain, shard), np.diff(made.entries))

    def is_made(self, place: tuple[str, int]) -> bool:
        """Whether the documents of a shard of the plan were tokenized in the run; others came as token files."""
        name = f"{TOKENIZER}/{place[0]}/train-{made_number(self._shards[place]):05d}.idx"
        return name in self._attached

    def _entries(self, domain: str, shard: Shard) -> Mask:
        return chosen(piece_of(shard), self.made((domain, made_number(shard))).entry_lengths)

    def _path(self, name: str, num_bytes: int) -> Path:
        path = self._folder / self._attached[name].path
        if not has_size(path, num_bytes):
            raise InputError(f"{path}: gone, or not {num_bytes} bytes. Run the step that made it again.")
        return path


def piece_of(shard: Shard) -> Piece:
    """The piece that a shard was cut or packed as."""
    assert shard.cut is not None
    bucket = Bucket(shard.bucket or "", shard.cut.min_tokens, shard.cut.max_tokens)
    return Piece(shard.cut.shard, shard.text_tokens, shard.documents, bucket, shard.cut.first_document, whole=False)


def made_number(shard: Shard) -> int:
    """The number of the shard of tokenize (or of the given file) whose documents a shard of the plan holds."""
    return shard.index if shard.cut is None else shard.cut.shard
