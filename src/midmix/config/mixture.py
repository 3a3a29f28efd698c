"""The sections of the mixer: the proxies and how they train, what the mixture should improve and may not hurt."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from midmix.config.section import Section


class Proxy(Section):
    """The proxy models and how they train. The vocabulary is the tokenizer's."""

    layers: int = Field(default=2, ge=1)
    width: int = Field(default=64, ge=8)
    feed_forward: int | None = Field(default=None, ge=8)
    heads: int = Field(default=4, ge=1)
    sequence_length: int = Field(default=128, ge=8)
    batch_sequences: int = Field(default=16, ge=1)
    tokens: int = Field(default=2_000_000, ge=1)
    learning_rate: float = Field(default=8e-3, gt=0)
    warmup_fraction: float = Field(default=0.05, ge=0, lt=1)
    decay_fraction: float = Field(default=0.5, ge=0, le=1)
    weight_decay: float = Field(default=0.1, ge=0)
    clip: float = Field(default=1.0, gt=0)
    runs: int = Field(default=16, ge=4)
    seeds: int = Field(default=2, ge=1)
    rows_per_batch: int = Field(default=8, ge=1)
    threads: int = Field(default=1, ge=1)
    heldout_tokens: int = Field(default=32_768, ge=1)


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
    an earlier mixture is reused beside new domains.
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
    targets: dict[str, Target] = Field(min_length=1)
    retain: dict[str, Retain] = {}
    learning_rate: float = Field(3e-4, gt=0)

    @field_validator("max_epochs", "baseline", "replay")
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
