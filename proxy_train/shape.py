"""The shape of a proxy and where its parameters lie in one flat row.

Letters: D width, F feed-forward, V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from midmix.errors import ConfigError


@dataclass(frozen=True)
class Parameter:
    """One tensor of a model: its shape, the standard deviation it starts with (0: starts at one), its place."""

    name: str
    shape: tuple[int, ...]
    initial_sd: float
    offset: int

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Shape:
    """A Llama-style decoder with tied embedding and head, named by its sizes rather than by a count."""

    layers: int
    width: int
    feed_forward: int
    heads: int
    vocabulary: int

    def __post_init__(self) -> None:
        if self.width % (2 * self.heads):
            raise ConfigError(
                f"config: proxy.width is {self.width} and proxy.heads {self.heads}; width must be a multiple of "
                f"2 x heads, since rotary positions turn pairs. Use heads: {max(1, self.width // 16)} or change width."
            )

    @property
    def name(self) -> str:
        """As in LOSSES.shape."""
        return f"L{self.layers}-d{self.width}-ff{self.feed_forward}-v{self.vocabulary}"

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads

    def parameters(self) -> tuple[Parameter, ...]:
        """Every tensor in the order of the flat row: those with weight decay first, then the gains.

        Every product keeps the size of its input at the start; those that write into the residual stream start
        smaller by the root of their number (GPT-2).
        """
        d, f = self.width, self.feed_forward
        deep = 1 / math.sqrt(2 * self.layers)
        sizes: list[tuple[str, tuple[int, ...], float]] = [("embedding", (self.vocabulary, d), d**-0.5)]
        for layer in range(self.layers):
            sizes += [
                (f"{layer}.attention_in", (d, 3 * d), d**-0.5),
                (f"{layer}.attention_out", (d, d), d**-0.5 * deep),
                (f"{layer}.feed_forward_in", (d, 2 * f), d**-0.5),
                (f"{layer}.feed_forward_out", (f, d), f**-0.5 * deep),
            ]
        for layer in range(self.layers):
            sizes += [(f"{layer}.attention_gain", (d,), 0.0), (f"{layer}.feed_forward_gain", (d,), 0.0)]
        sizes.append(("final_gain", (d,), 0.0))
        found, offset = [], 0
        for name, shape, sd in sizes:
            found.append(Parameter(name, shape, sd, offset))
            offset += found[-1].size
        return tuple(found)

    @property
    def num_parameters(self) -> int:
        """Values of one model."""
        last = self.parameters()[-1]
        return last.offset + last.size

    @property
    def num_decayed(self) -> int:
        """Leading values of the flat row that weight decay shrinks: all but the gains."""
        return next(p.offset for p in self.parameters() if p.initial_sd == 0)
