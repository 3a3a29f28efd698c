"""The sections of a config, one class each."""

from __future__ import annotations

import math
from typing import Literal, get_args

from pydantic import Field, field_validator, model_validator

from midmix.config.dedup import SourceDedup
from midmix.config.section import Kind, Section

Edit = Literal[
    "pii.email", "pii.ip", "pii.phone", "secret.key", "secret.password", "boilerplate.line", "c4", "c4_any_end"
]
# Cutting lines as C4 did is for those who ask.
DEFAULT_EDITS: tuple[Edit, ...] = tuple(edit for edit in get_args(Edit) if not edit.startswith("c4"))


class Source(Section):
    """Where text comes from: parquet or jsonl(.gz, .zst) files, local or behind an fsspec URL."""

    path: str
    kind: Kind
    license: str | None = None
    snapshot: str | None = None
    origin: str | None = None
    teacher: str | None = None
    text_column: str = "text"
    id_column: str = "id"
    url_column: str = "url"
    messages: str | None = None
    template: str | None = None
    dedup: SourceDedup = SourceDedup()

    @field_validator("snapshot", mode="before")
    @classmethod
    def _date_to_text(cls, value: object) -> object:
        return None if value is None else str(value)

    @model_validator(mode="after")
    def _one_form(self) -> Source:
        if self.messages and self.template:
            raise ValueError("has both 'messages' and 'template'; keep the one that holds the text")
        return self


class RuleEntry(Section):
    """A rule of the user's own: SQL over the view `judged` that is true where a document should be dropped."""

    drop: str
    on_null: Literal["pass", "drop"] = "pass"

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"drop": value} if isinstance(value, str) else value


class Scorer(Section):
    """A scorer of the user's own: a function over Arrow arrays, `file.py:function` or the name of an entry point."""

    function: str
    columns: dict[str, Literal["double", "float", "int32", "int64", "bool", "string"]] = Field(min_length=1)


class Level(Section):
    """Several raters as one level: their quantile buckets inside a topic, the highest of them or a learned weighting.

    `good` is SQL that is true for the documents which the weighting should rank high; without it the highest bucket
    counts. `train_on` names the sources whose documents make the quantiles.
    """

    raters: tuple[str, ...] = Field(min_length=1)
    train_on: tuple[str, ...] = Field(min_length=1)
    within: str | None = None
    buckets: int = Field(default=20, ge=2, le=1000)
    good: str | None = None

    @field_validator("raters")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError(f"names a rater twice: {', '.join(value)}; name each once")
        return value


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
    tokens: int = Field(ge=1)
    sequence_length: int = Field(default=2048, ge=8)
    global_batch_sequences: int = Field(default=64, ge=1)
    max_epochs: dict[str, float] = {"default": 4.0}
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
