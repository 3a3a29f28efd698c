"""What every section of a config is, and the kinds of text."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel

from midmix.config.text import SECTION

Kind = Literal["prose", "code", "math", "reasoning"]
KINDS: tuple[str, ...] = get_args(Kind)


class Section(BaseModel):
    """A part of the config: frozen, and closed to unknown keys."""

    model_config = SECTION
