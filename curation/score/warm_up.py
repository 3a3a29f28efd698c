"""Compile the kernels of the score step."""

from __future__ import annotations

import pyarrow as pa

from midmix.curation.score.groups import score_texts
from midmix.tables import TEXT


def warm_up() -> None:
    """Score a text that reaches every kernel once."""
    score_texts(pa.array(["a@b.co use = é\n\n# import\n"], TEXT))
