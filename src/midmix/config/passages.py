"""The section about passages that several documents share: what is looked for, and what becomes of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from midmix.config.section import Kind, Section

Action = Literal["cut", "count"]


class Blocks(Section):
    """Lines or paragraphs of at least so many bytes that at least so many documents have."""

    min_bytes: int = Field(default=100, ge=1)
    min_documents: int = Field(default=2, ge=2)
    # A line of code or of a proof is not told off for standing elsewhere too.
    kinds: tuple[Kind, ...] = ("prose",)
    action: Action = "cut"


class Substrings(Section):
    """Exact substrings of at least so many bytes that several documents have."""

    min_bytes: int = Field(default=500, ge=16)
    kinds: tuple[Kind, ...] = ("prose",)
    action: Action = "cut"


class Passages(Section):
    """Which passages are looked for. All but the first kept document of a passage lose it, or it is only counted."""

    lines: Blocks | None = None
    paragraphs: Blocks | None = None
    substrings: Substrings | None = None
