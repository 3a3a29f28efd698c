"""The sections about leaks: benchmarks, how their text is looked for, and what becomes of documents that hold it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from midmix.config.section import Section

Policy = Literal["mark", "mask", "drop"]
MIN_NGRAM, MAX_NGRAM = 3, 64


class Benchmark(Section):
    """A benchmark's file, of which `split` alone is taken where it is given; `keep` splits are marked, never dropped."""

    path: str
    split: str | None = None
    keep: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"path": value} if isinstance(value, str) else value


class Embeddings(Section):
    """A sentence-embedding checkpoint: texts whose embedding has this cosine with an item's are compared with it.

    max_tokens: tokens of the model that it reads of an item, and of as long a piece of text.
    """

    model: str
    cosine: float = Field(default=0.5, gt=0, le=1)
    max_tokens: int = Field(default=256, ge=1)


class Leaks(Section):
    """What becomes of documents that hold an item's text, the same item with other numbers, or an exact n-gram of it.

    ngrams: words of an n-gram to what becomes of documents that share one with an item, where at least `min_overlap`
    of the field's n-grams are found. embeddings: look for items in other words, too.
    """

    policy: Policy = "drop"
    variants: Policy = "mark"
    ngrams: dict[Annotated[int, Field(ge=MIN_NGRAM, le=MAX_NGRAM)], Policy] = {}
    min_overlap: float = Field(default=0.5, gt=0, le=1)
    embeddings: Embeddings | None = None
