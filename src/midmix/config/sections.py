"""The sections of a config, one class each."""

from __future__ import annotations

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
    """Where text comes from: parquet or jsonl(.gz, .zst) files, local or behind an fsspec URL.

    Documents of one `group` are one training document, in order of `group_order`: a column of the source, or SQL over
    the columns of `documents`. A `forgotten` one is read no more: its name stays for what was trained with it before.
    """

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
    group: str | None = Field(default=None, min_length=1)
    group_order: str | None = Field(default=None, min_length=1)
    forgotten: bool = False
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

    @model_validator(mode="after")
    def _order_of_groups(self) -> Source:
        if self.group_order is not None and self.group is None:
            raise ValueError(
                "has 'group_order' and no 'group'; name the column that says which documents belong together"
            )
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
