"""Tables of what was kept: text and tokens."""

from __future__ import annotations

import pyarrow as pa

from midmix.tables.table import HASH, TEXT, Column, Table, doc_column

CURATED = Table(
    "curated",
    "Kept text with the edits applied.",
    ("doc",),
    (
        doc_column(),
        Column("source", pa.string(), "source"),
        Column("kind", pa.string(), "kind in force: the label's, else the source's"),
        Column("text", TEXT, "text after edits"),
        Column("content_hash", HASH, "BLAKE2b-128 of this text"),
        Column("num_bytes", pa.int64(), "bytes of this text"),
        Column("bytes_removed", pa.int64(), "raw bytes that edits removed or replaced"),
    ),
)

TOKEN_PARTS = Table(
    "token_parts",
    "Token ids of one part's kept documents, end-of-text included, in a raw file beside this table.",
    ("tokenizer", "doc"),
    (
        Column("tokenizer", pa.string(), "name in the config"),
        doc_column(),
        Column("offset", pa.int64(), "first token in the part's token file"),
        Column("num_tokens", pa.int32(), "tokens, end-of-text included"),
    ),
    internal=True,
)

TOKENS = Table(
    "tokens",
    "Where each kept document's tokens lie: shards hold one domain and split in a seeded permutation. Documents of a group "
    "lie together, in its order, as one entry of the shard's index.",
    ("tokenizer", "domain", "split", "shard", "offset"),
    (
        Column("tokenizer", pa.string(), "name in the config"),
        Column("domain", pa.string(), "what the mixer weighs"),
        Column("split", pa.string(), "train or heldout; heldout is never trained on"),
        Column("shard", pa.int32(), "shard of the domain and split, from 0"),
        Column("offset", pa.int64(), "first token in the shard"),
        Column("num_tokens", pa.int32(), "tokens, end-of-text or separator included"),
        Column("num_bytes", pa.int64(), "bytes of the text"),
        doc_column(),
        Column(
            "entry_offset", pa.int64(), "of documents joined: first token of their entry in the shard", nullable=True
        ),
        Column("entry_tokens", pa.int32(), "tokens of that entry; both NULL where a document is one", nullable=True),
    ),
)
