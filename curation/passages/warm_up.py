"""Compile the kernels of the passages step."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from midmix.curation.passages.split import split_passages
from midmix.curation.passages.substrings import find_anchors, find_windows
from midmix.tables import TEXT


def warm_up() -> None:
    """Look at two texts."""
    texts = pa.array(["one two three\nfour", "one two three four"], TEXT)
    split_passages(texts, "line", 4)
    anchors = find_anchors(texts, 16)
    list(find_windows(texts, 16, np.column_stack([anchors.documents, anchors.starts])))
