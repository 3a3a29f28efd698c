"""Compile the kernel of the classify step."""

from __future__ import annotations

import pyarrow as pa

from midmix.curation.classify.language import identify_languages
from midmix.tables import TEXT


def warm_up() -> None:
    """Identify the language of one text."""
    identify_languages(pa.array(["one text"], TEXT), 0.5)
