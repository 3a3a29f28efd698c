"""How the plan's shards are laid out: which document every token of the file is of, from their indices in the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from midmix.artifact import has_size, load_manifest
from midmix.errors import InputError
from midmix.mixer.plan.best_fit import PADDING
from midmix.mixer.plan.indexed import read_lengths
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import TokenFile
from midmix.mixer.simplex import I64, Mask
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

    def document_lengths(self) -> I64:
        """Tokens of every document of the shard, int64[documents]."""
        text = self.documents != PADDING
        lengths = np.zeros(self.documents.max(initial=-1) + 1, np.int64)
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


def end_to_end(lengths: I64) -> Layout:
    """The layout of whole documents of `lengths` tokens, int64[documents], each an entry of the index."""
    ordinals = np.arange(len(lengths) + 1)
    return Layout(ordinals[:-1], np.zeros(len(lengths), np.int64), lengths, ordinals)


def in_rows(runs: I64, sequence_length: int) -> Layout:
    """The layout of a packed shard by its file of runs, int64[runs, 3]; every row is an entry."""
    documents, firsts, lengths = np.ascontiguousarray(runs.T)
    begins = np.flatnonzero((np.cumsum(lengths) - lengths) % sequence_length == 0)
    return Layout(documents, firsts, lengths, np.append(begins, len(runs)))


# Layout of a shard (domain, number).
Layouts = Callable[[tuple[str, int]], Layout]


def open_layouts(folder: Path, plan: Plan) -> Layouts:
    """Layouts by shard of the plan, the last few kept.

    Raises InputError where the run's tokens are others than the plan was made of; so do they where a file is gone.
    """
    tokens = load_manifest(folder, TOKENS.name)
    if tokens.digest != plan.inputs[TOKENS.name]:
        raise InputError(f"{folder}: holds other tokens than the plan counts. Run the step plan again.")
    attached = {a.name: a for a in (*tokens.attached, *load_manifest(folder, PLAN.name).attached)}
    shards = {(domain.id, shard.index): shard for domain in plan.domains for shard in domain.shards}

    def path_of(file: TokenFile) -> Path:
        path = folder / attached[file.name].path
        if not has_size(path, file.bytes):
            raise InputError(f"{path}: gone, or not {file.bytes} bytes. Run the step that made it again.")
        return path

    @lru_cache(maxsize=64)
    def layout(place: tuple[str, int]) -> Layout:
        shard = shards[place]
        if shard.packed is None:
            return end_to_end(read_lengths(path_of(shard.idx)))
        runs = np.fromfile(path_of(shard.packed.runs), "<i8").reshape(-1, 3)
        return in_rows(runs, shard.packed.sequence_length)

    return layout
