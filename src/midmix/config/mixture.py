"""The sections of the mixer: the proxies and how they train, what the mixture should improve and may not hurt."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from midmix.config.section import Section


class Base(Section):
    """A stand-in base: a model trained once on the replay mixture, from which all runs branch."""

    tokens: int = Field(ge=1)


class Rung(Section):
    """A further size that the whole design is trained at. Without a learning rate it follows from the proxy's."""

    layers: int = Field(ge=1)
    width: int = Field(ge=8)
    feed_forward: int | None = Field(default=None, ge=8)
    heads: int | None = Field(default=None, ge=1)
    learning_rate: float | None = Field(default=None, gt=0)


SIZES = ("layers", "width", "feed_forward", "heads")


class Proxy(Section):
    """The proxy models and how they train. The vocabulary is the tokenizer's, or the checkpoint's.

    All runs start from `checkpoint` (its folder or file gives the sizes), from a stand-in `base`, or from random weights.
    `ladder` lists further sizes for the same design. At each fraction of a run in `halving` every batch keeps the better
    half of its runs. Without `rows_per_batch` it follows from the sizes and the batch.
    """

    layers: int = Field(default=2, ge=1)
    width: int = Field(default=64, ge=8)
    feed_forward: int | None = Field(default=None, ge=8)
    heads: int = Field(default=4, ge=1)
    ladder: tuple[Rung, ...] = Field(default=(), max_length=3)
    checkpoint: str | None = None
    base: Base | None = None
    sequence_length: int = Field(default=128, ge=8)
    batch_sequences: int = Field(default=16, ge=1)
    tokens: int = Field(default=2_000_000, ge=1)
    learning_rate: float = Field(default=8e-3, gt=0)
    warmup_fraction: float | None = Field(default=None, ge=0, lt=1)
    decay_fraction: float | None = Field(default=None, ge=0, le=1)
    decay: Literal["linear", "cosine", "sqrt"] = "linear"
    end_fraction: float = Field(default=0.0, ge=0, le=1)
    weight_decay: float = Field(default=0.1, ge=0)
    clip: float = Field(default=1.0, gt=0)
    runs: int = Field(default=16, ge=4)
    seeds: int = Field(default=2, ge=1)
    halving: tuple[float, ...] = ()
    rows_per_batch: int | None = Field(default=None, ge=1)
    threads: int = Field(default=1, ge=1)
    heldout_tokens: int = Field(default=32_768, ge=1)
    keep_weights: bool = True

    @field_validator("halving")
    @classmethod
    def _ascending(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 < fraction < 1 for fraction in value) or list(value) != sorted(set(value)):
            raise ValueError(
                f"got {list(value)}, expected fractions of a run between 0 and 1 in rising order, such as [0.25, 0.5]"
            )
        return value

    @model_validator(mode="after")
    def _one_start(self) -> Proxy:
        if self.checkpoint is None:
            return self
        if self.base is not None:
            raise ValueError("has checkpoint and base, expected one: a stand-in base is for want of a checkpoint")
        if self.ladder:
            raise ValueError(
                "has checkpoint and ladder; a checkpoint has one size. Use base to train a ladder of bases"
            )
        if given := sorted(self.model_fields_set & {*SIZES}):
            raise ValueError(
                f"has checkpoint and {', '.join(given)}; the checkpoint gives the sizes, so leave those out"
            )
        if "learning_rate" not in self.model_fields_set:
            raise ValueError(
                "has checkpoint and no learning_rate, whose default is for small models from random weights; give the rate "
                "that the checkpoint's stable phase ended with"
            )
        return self

    @model_validator(mode="after")
    def _sizes_differ(self) -> Proxy:
        rungs: tuple[Proxy | Rung, ...] = (self, *self.ladder)
        sizes = [(rung.layers, rung.width, rung.feed_forward or 3 * rung.width) for rung in rungs]
        if len(set(sizes)) < len(sizes):
            raise ValueError(
                f"ladder repeats a size; got (layers, width, feed_forward) {sizes}, expected others in each"
            )
        return self


class Target(Section):
    set: str | None = None
    domain: str | None = None
    metric: Literal["bpb"] = "bpb"
    weight: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _one_of(self) -> Target:
        if (self.set is None) == (self.domain is None):
            raise ValueError("needs exactly one of 'set' (a file of items) and 'domain' (a domain's held-out text)")
        return self


class Retain(Section):
    set: str
    metric: Literal["bpb"] = "bpb"
    max_rise: float = Field(default=0.01, ge=0)


class Mixture(Section):
    """What to weigh, and within which limits.

    `max_epochs` counts passes over all stages, `spent_epochs` those made before this one. `minimum` gives least shares by
    domain. Each of `frozen` gives proportions of domains that stay as they are: together they are one variable, as when
    an earlier mixture is reused beside new domains. `web` is what the web-only control trains on: without it the source of
    prose that has the largest share of `replay`, or of `baseline`, or the most tokens.
    """

    tokens: int = Field(ge=1)
    sequence_length: int = Field(default=2048, ge=8)
    global_batch_sequences: int = Field(default=64, ge=1)
    max_epochs: dict[str, float] = {"default": 4.0}
    spent_epochs: dict[str, float] = {}
    minimum: dict[str, float] = {}
    frozen: tuple[dict[str, float], ...] = ()
    baseline: dict[str, float] | None = None
    replay: dict[str, float] | None = None
    web: dict[str, float] | None = None
    targets: dict[str, Target] = Field(min_length=1)
    retain: dict[str, Retain] = {}
    learning_rate: float = Field(3e-4, gt=0)

    @field_validator("max_epochs", "baseline", "replay", "web")
    @classmethod
    def _positive(cls, value: dict[str, float] | None) -> dict[str, float] | None:
        for name, number in (value or {}).items():
            if not 0 <= number < math.inf:
                raise ValueError(f"{name} is {number}, expected a finite number of 0 or more")
        if value is not None and not any(value.values()):
            raise ValueError("all are 0; at least one must be more")
        return value

    @field_validator("spent_epochs", "minimum", "frozen")
    @classmethod
    def _not_negative(
        cls, value: dict[str, float] | tuple[dict[str, float], ...], info: ValidationInfo
    ) -> dict[str, float] | tuple[dict[str, float], ...]:
        most = 1.0 if info.field_name == "minimum" else math.inf
        for shares in (value,) if isinstance(value, dict) else value:
            for name, number in shares.items():
                if not (0 <= number < math.inf and number <= most):
                    raise ValueError(f"{name} is {number}, expected a number from 0 to {most:g}")
        return value

    @field_validator("frozen")
    @classmethod
    def _groups_apart(cls, value: tuple[dict[str, float], ...]) -> tuple[dict[str, float], ...]:
        names = [name for group in value for name in group]
        for group in value:
            if len(group) < 2 or not any(group.values()):
                raise ValueError(f"a group has {dict(group)}, expected two domains or more, one of them above 0")
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(repeated)} is in two groups; a domain can be frozen in one alone")
        return value
