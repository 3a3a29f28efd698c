"""Tables of what dedup compares and finds. It drops nothing; `decide` does.

Documents go by their *ordinal* in the tables between two stages of dedup: their place among the rows of SIGNATURES,
part after part, which is the order of keys. Those tables go when the step is done.
"""

from __future__ import annotations

import pyarrow as pa

from midmix.tables.table import HASH, KEY, Column, Table, doc_column

_ROW = Column("row", pa.int32(), "place of the document among the part's rows of signatures, from 0", packed=True)

SIGNATURES = Table(
    "signatures",
    "What dedup compares, of the clean text: hashes alone, no text.",
    ("doc",),
    (
        doc_column(),
        Column("clean_hash", HASH, "128-bit hash of the clean text"),
        Column(
            "frame_hash",
            HASH,
            "the same with a mark for every number and every name: texts of equal frames differ in these alone",
        ),
        Column("num_words", pa.int32(), "words of the normalised text", packed=True),
        Column("num_shingles", pa.int32(), "distinct shingles", packed=True),
    ),
    internal=True,
)

BANDS = Table(
    "bands",
    "MinHash bands of every document that is long enough for one, one file per part: documents that share a band are compared.",
    ("band", "row"),
    (
        Column("band", pa.int64(), "56 bits of the hash of the band's number and minima, signed", packed=True),
        _ROW,
    ),
    internal=True,
)

SKETCHES = Table(
    "sketches",
    "A fixed share of all shingles, chosen by their hash, of every document, one file per part: what finds a text in a longer one.",
    ("shingle", "row"),
    (
        Column("shingle", pa.int64(), "56 bits of the hash of the shingle, signed", packed=True),
        _ROW,
    ),
    internal=True,
)

TEXT_KEYS = Table(
    "text_keys",
    "Between stages of dedup: hashes of whole texts, of their frames and of URLs, one sorted file per part and unit.",
    ("high", "row"),
    (
        Column("high", pa.int64(), "first half of the hash", packed=True),
        Column("low", pa.int64(), "second half of the hash"),
        _ROW,
    ),
    internal=True,
)

PLACES = Table(
    "places",
    "Between stages of dedup: parts by their ordinals. Beside it lie arrays by ordinal: key, place in survivor order, frame, shingles.",
    ("part",),
    (
        Column("part", pa.int64(), "part"),
        Column("first", pa.int64(), "ordinal of its first document"),
        Column("documents", pa.int64(), "documents"),
    ),
    internal=True,
)

CANDIDATES = Table(
    "candidates",
    "Between stages of dedup: pairs of documents by what they share, each file sorted.",
    ("later", "earlier"),
    (
        Column("later", pa.int64(), "ordinal of the later document in survivor order", packed=True),
        Column("earlier", pa.int64(), "ordinal of the earlier one", packed=True),
        Column(
            "shared",
            pa.int32(),
            "of sketches: shingles that both chose; of pairs that were compared before: shingles of both, -1 for apart",
            packed=True,
        ),
    ),
    internal=True,
)

NEEDED = Table(
    "needed",
    "Between stages of dedup: documents whose text must be read to compare them.",
    ("ordinal",),
    (Column("ordinal", pa.int64(), "ordinal", packed=True),),
    internal=True,
)

SHINGLES = Table(
    "shingles",
    "Between stages of dedup: parts whose texts were read to be compared. Their distinct shingles lie beside it.",
    ("part",),
    (
        Column("part", pa.int64(), "part"),
        Column("documents", pa.int64(), "documents whose text was read"),
        Column("shingles", pa.int64(), "their distinct shingles"),
    ),
    internal=True,
)

PAIRS = Table(
    "pairs",
    "Pairs of documents that repeat one another, one file per part: exact copies, near-duplicates and contained texts "
    "(verified on the shingles of both), equal URLs, and templates.",
    ("doc", "earlier", "relation"),
    (
        Column("doc", KEY, "the later document in survivor order"),
        Column("earlier", KEY, "the earlier one, which it may repeat"),
        Column(
            "relation",
            pa.string(),
            "exact; near (Jaccard at or over the threshold); contained (it lies in the earlier one) or contains (the earlier one in it); "
            "url; template (only numbers or names differ). Of exact, url and template `earlier` is the first document of all.",
        ),
        Column(
            "jaccard",
            pa.float64(),
            "true Jaccard of the shingles of the clean texts; 1 for exact; NULL for url and template",
            nullable=True,
        ),
        Column(
            "containment",
            pa.float64(),
            "share of the shingles of the one with fewer that the other has; NULL where Jaccard is",
            nullable=True,
        ),
    ),
)

APART = Table(
    "apart",
    "Pairs that were compared and are neither near nor one in the other: they are not compared again when the run grows.",
    ("doc", "earlier"),
    (
        Column("doc", KEY, "the later document in survivor order", packed=True),
        Column("earlier", KEY, "the earlier one", packed=True),
    ),
    internal=True,
)
