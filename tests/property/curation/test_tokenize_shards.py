"""A shard holds every document's tokens, whole and in the order of its records."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.tokenize.exchange import RECORD
from midmix.curation.tokenize.shards import copy_tokens
from midmix.tables import doc_key


class Files:
    """Token files of parts, in memory."""

    def __init__(self, tokens: dict[int, npt.NDArray[np.uint16]]) -> None:
        self.tokens, self.dtype, self.separator = tokens, np.dtype("<u2"), None

    def of_part(self, part: int) -> npt.NDArray[np.uint16]:
        return self.tokens[part]


DOCUMENTS = st.lists(st.lists(st.integers(0, 65535), min_size=1, max_size=6), min_size=1, max_size=8)


@given(
    st.dictionaries(st.integers(0, 2**31 - 1), DOCUMENTS, min_size=1, max_size=4),
    st.randoms(use_true_random=False),
    st.integers(1, 40),
)
def test_tokens_are_conserved(parts: dict[int, list[list[int]]], random: object, documents_at_once: int) -> None:
    rows = []
    for part, documents in parts.items():
        offset = 0
        for row, document in enumerate(documents):
            rows.append((doc_key(part, row), offset, document))
            offset += len(document)
    random.shuffle(rows)  # type: ignore[attr-defined]
    records = np.zeros(len(rows), RECORD)
    for record, (key, offset, document) in zip(records, rows, strict=True):
        record["doc"], record["offset"], record["num_tokens"] = key, offset, len(document)
    files = Files({part: np.array([t for d in documents for t in d], np.uint16) for part, documents in parts.items()})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.bin"
        copy_tokens(path, records, files, documents_at_once)  # type: ignore[arg-type]
        assert np.fromfile(path, "<u2").tolist() == [token for _, _, document in rows for token in document]
