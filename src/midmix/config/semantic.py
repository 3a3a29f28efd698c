"""The section about duplicates in meaning."""

from __future__ import annotations

from pydantic import Field, model_validator

from midmix.config.section import Section


class Semantic(Section):
    """Pairs by meaning: of an embedding column of the sources, or of a sentence-embedding checkpoint."""

    column: str | None = None
    model: str | None = None
    max_tokens: int = Field(default=256, ge=1)
    cosine: float = Field(default=0.95, gt=0, le=1)
    cells: int | None = Field(default=None, ge=1)
    seed: int = 1

    @model_validator(mode="after")
    def _one_of(self) -> Semantic:
        if (self.column is None) == (self.model is None):
            raise ValueError("needs exactly one of 'column' (embeddings that the sources hold) and 'model' (a folder)")
        return self
