"""A token shard as a trainer walks through it: documents, or rows of them, end to end, cut every so many tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from midmix.mixer.plan.best_fit import PADDING
from midmix.mixer.simplex import I64, Mask


@dataclass(frozen=True)
class Read:
    """Tokens [first, end) of a document of the shard (by ordinal); `tokens` of them are input, the others labels."""

    document: int
    first: int
    end: int
    tokens: int


@dataclass(frozen=True)
class Stream:
    """Documents of a shard in a trainer's order, and which sequence each draw takes.

    `documents` are ordinals in the shard, int64[n], repeated where the trainer repeats them (PADDING where a row is filled
    up); `lengths` their tokens, from `firsts` on where they are runs of documents, else from the first one.
    `sequences` is the sequence of each draw, int64[draws]; None where the k-th draw takes the k-th one. A sequence is
    `sequence_length` input tokens and `labels` tokens after them, which the trainer reads as labels alone.
    """

    documents: I64
    lengths: I64
    sequence_length: int
    labels: int
    sequences: I64 | None = None
    firsts: I64 | None = None

    @cached_property
    def _ends(self) -> I64:
        return np.cumsum(self.lengths)

    def sequence(self, draws: I64) -> I64:
        """Sequences of some draws, int64[n]."""
        return draws if self.sequences is None else self.sequences[draws]

    def reads(self, draw: int) -> Iterator[Read]:
        """What one draw reads of documents, in order."""
        start = int(self.sequence(np.array([draw]))[0]) * self.sequence_length
        inputs, end = start + self.sequence_length, start + self.sequence_length + self.labels
        place = int(np.searchsorted(self._ends, start, side="right"))
        while place < len(self._ends) and (begin := int(self._ends[place] - self.lengths[place])) < end:
            first, last = max(start, begin), min(end, int(self._ends[place]))
            if last > first and self.documents[place] != PADDING:
                tokens = max(0, min(last, inputs) - first)
                skipped = 0 if self.firsts is None else int(self.firsts[place])
                yield Read(int(self.documents[place]), skipped + first - begin, skipped + last - begin, tokens)
            place += 1

    def tokens(self, held: Mask, draws: I64) -> tuple[I64, Mask]:
        """Input tokens of the `held` documents (bool[documents of the shard]) in each draw, and whether any is read.

        int64[draws] and bool[draws]: a draw that reads one of their tokens as a label alone has 0 tokens.
        """
        chosen = held[self.documents] & (self.documents != PADDING)
        before = np.cumsum(np.where(chosen, self.lengths, 0)) - np.where(chosen, self.lengths, 0)

        def reached(position: I64) -> I64:
            place = np.minimum(np.searchsorted(self._ends, position, side="right"), len(self._ends) - 1)
            within = np.minimum(position, self._ends[place]) - (self._ends[place] - self.lengths[place])
            return np.asarray(before[place] + np.where(chosen[place], within, 0))

        start = self.sequence(draws) * self.sequence_length
        at_start, at_end = reached(start), reached(start + self.sequence_length)
        read = reached(start + self.sequence_length + self.labels) - at_start if self.labels else at_end - at_start
        return at_end - at_start, read > 0
