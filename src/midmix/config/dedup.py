"""The sections about duplicates: what is compared, and who may stay."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from midmix.config.section import Kind, Section

Profile = Literal["plain", "prose", "math", "code"]


class SourceDedup(Section):
    """Where a source's documents look for what they repeat, and how many copies of a text it may keep."""

    scope: Literal["everywhere", "within", "across", "nowhere"] = "everywhere"
    copies: int = Field(default=1, ge=1)


class Templates(Section):
    """What happens to texts that differ in numbers alone: nothing, at most `cap` of a cluster, or size^`exponent` of it."""

    policy: Literal["keep", "cap", "thin"] = "keep"
    cap: int = Field(default=100, ge=1)
    exponent: float = Field(default=0.5, ge=0, lt=1)


class Dedup(Section):
    """How documents are compared: shingles of a normalised text, MinHash bands, and what counts as a duplicate."""

    profile: Profile | dict[Kind, Profile] = "plain"
    unit: Literal["words", "characters"] = "words"
    ngram: int = Field(default=5, ge=1, le=64)
    bands: int = Field(default=20, ge=1, le=256)
    rows: int = Field(default=5, ge=1, le=32)
    permutations: int | None = Field(default=None, ge=2, le=1024)
    seed: int = 1
    jaccard: float = Field(default=0.8, gt=0, le=1)
    containment: float | None = Field(default=None, gt=0, le=1)
    url: bool = False
    templates: Templates = Templates()
    against: dict[str, str] = {}
