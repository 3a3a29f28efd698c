"""Tables of what an earlier corpus has already: documents of the run beside those of an index that `midmix index` made.

Documents go by their *place*: part << 32 | ordinal among the part's rows of signatures, in the run or in the index.
"""

from __future__ import annotations

import pyarrow as pa

from midmix.tables.table import KEY, Column, Table, doc_column

PAST_KEYS = Table(
    "past_keys",
    "A key of every document's whole text, one file per part: what finds copies in an earlier corpus, however short.",
    ("key", "row"),
    (
        Column("key", pa.int64(), "56 bits of the hash of the clean text, signed", packed=True),
        Column("row", pa.int32(), "place of the document among the part's rows of signatures, from 0", packed=True),
    ),
    internal=True,
)

PAST_CANDIDATES = Table(
    "past_candidates",
    "Documents that share a band or the key of their text with one of an earlier corpus, by range of keys, then one file "
    "per part and corpus.",
    ("place", "past"),
    (
        Column("place", pa.int64(), "place of the document", packed=True),
        Column("past", pa.int64(), "place in the index of the earlier corpus", packed=True),
    ),
    internal=True,
)

PAST_PAIRS = Table(
    "past_pairs",
    "Documents that an earlier corpus has already, one file per part and corpus: exact copies, and near ones, verified on "
    "the shingles of both.",
    ("doc", "corpus", "past"),
    (
        doc_column(),
        Column("corpus", pa.string(), "name of the earlier corpus in dedup.against"),
        Column("past", KEY, "key, in the run that was indexed, of the document that it repeats"),
        Column(
            "relation", pa.string(), "exact; near (Jaccard at or over the threshold, looked for where nothing is exact)"
        ),
        Column("jaccard", pa.float64(), "true Jaccard of the shingles of the clean texts; 1 for exact"),
    ),
)
