"""Tables of documents that mean the same, by their embeddings."""

from __future__ import annotations

import pyarrow as pa

from midmix.tables.table import KEY, Column, Table, doc_column

_EMBEDDING = Column("embedding", pa.list_(pa.float32()), "unit length")

EMBEDDINGS = Table(
    "embeddings",
    "The direction of each document's embedding; without a row where the source has none.",
    ("doc",),
    (doc_column(), _EMBEDDING),
    internal=True,
)

CELLS = Table(
    "cells",
    "The same, one file per part, by the k-means cell that each lies in.",
    ("cell", "doc"),
    (Column("cell", pa.int64(), "number of the nearest centre"), doc_column(), _EMBEDDING),
    internal=True,
)

SEMANTIC_PAIRS = Table(
    "semantic_pairs",
    "Pairs of documents whose embeddings have at least the least cosine. It drops nothing; `decide` does.",
    ("doc", "earlier"),
    (
        Column("doc", KEY, "the later document in survivor order"),
        Column("earlier", KEY, "the earlier one, which it may repeat"),
        Column("relation", pa.string(), "semantic"),
        Column("jaccard", pa.float64(), "NULL: the texts were not compared", nullable=True),
        Column("containment", pa.float64(), "NULL: the texts were not compared", nullable=True),
        Column("cosine", pa.float64(), "of their embeddings"),
    ),
)
