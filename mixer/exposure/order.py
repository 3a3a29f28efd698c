"""The order in which a stage's sequences are read: from a step to what it reads, and from documents to their steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from midmix.errors import ConfigError
from midmix.mixer.exposure.stream import Read, Stream
from midmix.mixer.simplex import I64, Mask

# Domain and number of a shard of the plan.
Place = tuple[str, int]


@dataclass(frozen=True)
class Steps:
    """Steps (1-based, rising, int64[n]) that read some documents, and how many of their tokens each reads as input."""

    steps: I64
    tokens: I64


@dataclass(frozen=True)
class Order:
    """Sequence p of the stage is draw `draw_of[p]` of stream `stream_of[p]`; `batch` of them are a step.

    `places` gives the shard of every stream, `open_stream` the stream by its number.
    """

    places: Sequence[Place]
    stream_of: I64
    draw_of: I64
    batch: int
    open_stream: Callable[[int], Stream]

    @property
    def num_steps(self) -> int:
        """Steps of the stage."""
        return len(self.stream_of) // self.batch

    def step(self, number: int) -> Iterator[tuple[int, Place, Read]]:
        """(sequence of the batch from 0, shard, what is read of it) of one step, in order. Raises ConfigError."""
        if not 1 <= number <= self.num_steps:
            raise ConfigError(f"--step: got {number:,}; the stage has steps 1 to {self.num_steps:,}")
        first = (number - 1) * self.batch
        for slot in range(self.batch):
            stream = int(self.stream_of[first + slot])
            for read in self.open_stream(stream).reads(int(self.draw_of[first + slot])):
                yield slot, self.places[stream], read

    @cached_property
    def _by_stream(self) -> tuple[I64, I64]:
        """Sequences of the stage grouped by stream, and where each group starts."""
        positions = np.argsort(self.stream_of, kind="stable")
        return positions, np.searchsorted(self.stream_of[positions], np.arange(len(self.places) + 1))

    def steps_of(self, held: Mapping[Place, Mask]) -> Steps:
        """The steps that read any of the documents that are `held`, by shard: bool[documents of the shard]."""
        positions, starts = self._by_stream
        tokens = np.zeros(self.num_steps, np.int64)
        touched = np.zeros(self.num_steps, np.bool_)
        for stream, place in enumerate(self.places):
            if place not in held:
                continue
            group = positions[starts[stream] : starts[stream + 1]]
            found, read = self.open_stream(stream).tokens(held[place], self.draw_of[group])
            np.add.at(tokens, group[read] // self.batch, found[read])
            touched[group[read] // self.batch] = True
        steps = np.flatnonzero(touched)
        return Steps(steps + 1, tokens[steps])
