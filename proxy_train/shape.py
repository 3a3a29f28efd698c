"""The shape of a proxy and where its parameters lie in one flat row.

Letters: D width, F feed-forward, V vocabulary, H heads, G key-value heads, K width of a head.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from midmix.errors import ConfigError
from midmix.proxy_train.rope_scaling import BASE, Scaling

NORM_EPS = 1e-6


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
    """A Llama-style decoder, named by its sizes rather than by a count.

    What has a default is there for checkpoints of others: fewer key-value heads than heads (0: as many), a head width
    of its own (0: width / heads), an output head apart from the embedding, and embeddings that are not scaled as they
    come in (`embedding_factor` 1; 0: the root of the width).
    """

    layers: int
    width: int
    feed_forward: int
    heads: int
    vocabulary: int
    key_value_heads: int = 0
    head_width: int = 0
    tied: bool = True
    embedding_factor: float = 0.0
    norm_eps: float = NORM_EPS
    rope_base: float = BASE
    rope_scaling: Scaling | None = None

    def __post_init__(self) -> None:
        if not self.head_width and self.width % (2 * self.heads):
            raise ConfigError(
                f"config: proxy.width is {self.width} and proxy.heads {self.heads}; width must be a multiple of "
                f"2 x heads, since rotary positions turn pairs. Use heads: {max(1, self.width // 16)} or change width."
            )
        object.__setattr__(self, "embedding_factor", self.embedding_factor or self.width**0.5)
        object.__setattr__(self, "head_width", self.head_width or self.width // self.heads)
        object.__setattr__(self, "key_value_heads", self.key_value_heads or self.heads)
        if self.head_width % 2 or self.heads % self.key_value_heads:
            raise ConfigError(
                f"a head of width {self.head_width} and {self.heads} heads on {self.key_value_heads} key-value heads; "
                f"expected an even width and a whole number of heads for each key-value head"
            )

    @property
    def name(self) -> str:
        """As in LOSSES.shape."""
        fewer = f"-kv{self.key_value_heads}" if self.key_value_heads < self.heads else ""
        sizes = f"L{self.layers}-d{self.width}-ff{self.feed_forward}-v{self.vocabulary}"
        return f"{sizes}{fewer}{'' if self.tied else '-untied'}"

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Shape:
        """From `as_values`, or from some of them."""
        scaling = values.get("rope_scaling")
        return cls(**{**values, "rope_scaling": Scaling(**scaling) if scaling else None})

    def as_values(self) -> dict[str, Any]:
        """Every field as a plain value."""
        return asdict(self)

    def parameters(self) -> tuple[Parameter, ...]:
        """Every tensor in the order of the flat row: those with weight decay first, then the gains.

        Every product keeps the size of its input at the start; those that write into the residual stream start
        smaller by the root of their number (GPT-2).
        """
        d, f, mixed = self.width, self.feed_forward, self.heads * self.head_width
        deep = 1 / math.sqrt(2 * self.layers)
        sizes: list[tuple[str, tuple[int, ...], float]] = [("embedding", (self.vocabulary, d), d**-0.5)]
        if not self.tied:
            sizes.append(("head", (self.vocabulary, d), d**-0.5))
        for layer in range(self.layers):
            sizes += [
                (f"{layer}.attention_in", (d, mixed + 2 * self.key_value_heads * self.head_width), d**-0.5),
                (f"{layer}.attention_out", (mixed, d), mixed**-0.5 * deep),
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
