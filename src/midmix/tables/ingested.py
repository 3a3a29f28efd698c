"""Tables of what came in: sources, parts, documents, evaluation items."""

from __future__ import annotations

import pyarrow as pa

from midmix.tables.table import HASH, Column, Table, doc_column

SOURCES = Table(
    "sources",
    "Where text comes from: one row per source of the config.",
    ("source",),
    (
        Column("source", pa.string(), "name in the config"),
        Column("position", pa.int32(), "place in the config, from 0; new sources are appended"),
        Column("survivor_rank", pa.int32(), "place in the survivor order, from 0: lower keeps a shared document"),
        Column("kind", pa.string(), "prose, code, math or reasoning: which rules judge its documents"),
        Column("license", pa.string(), "as declared", nullable=True),
        Column("snapshot", pa.string(), "as declared", nullable=True),
        Column("origin", pa.string(), "as declared", nullable=True),
        Column("teacher", pa.string(), "model that wrote the text, as declared; NULL for human text", nullable=True),
        Column("path", pa.string(), "path or glob of the config"),
    ),
)

PARTS = Table(
    "parts",
    "The unit of work: a run of row groups of one file. Ids are never renumbered nor reused.",
    ("part",),
    (
        Column("part", pa.int64(), "id, below 2^31"),
        Column("source", pa.string(), "source"),
        Column("snapshot", pa.string(), "snapshot of the source", nullable=True),
        Column("path", pa.string(), "file, relative to the config's folder when given so"),
        Column(
            "stored", pa.string(), "converted copy in the run folder, where the file had to be converted", nullable=True
        ),
        Column("file_hash", pa.string(), "sha256 of the file, or the store's etag"),
        Column("first_row_group", pa.int32(), "first row group"),
        Column("num_row_groups", pa.int32(), "row groups"),
        Column("first_row", pa.int64(), "ordinal of the part's first row in its file"),
        Column("rows", pa.int64(), "rows, bad ones included"),
        Column("text_bytes", pa.int64(), "uncompressed bytes of the text column, from the footer"),
        Column("text_column", pa.string(), "column that holds the text"),
    ),
)

COPIES = Table(
    "copies",
    "Files that had to be converted (jsonl, chats, templates); the parquet copies lie beside this table.",
    ("source", "path"),
    (
        Column("source", pa.string(), "source"),
        Column("path", pa.string(), "the file, as in PARTS"),
        Column("file_hash", pa.string(), "identity of the file that was converted"),
        Column("text_bytes", pa.int64(), "bytes of text in the copy"),
    ),
    internal=True,
)

DOCUMENTS = Table(
    "documents",
    "One row per readable document; the text stays where it lies. The view adds source, kind and path.",
    ("doc",),
    (
        doc_column(),
        Column("content_hash", HASH, "BLAKE2b-128 of the raw text's UTF-8"),
        Column("num_bytes", pa.int64(), "bytes of raw text, UTF-8"),
        Column("num_chars", pa.int64(), "code points of raw text"),
        Column("user_id", pa.string(), "the user's own id", nullable=True),
        Column("url", pa.string(), "address", nullable=True),
        Column("metadata", pa.string(), "all other columns, as JSON", nullable=True),
    ),
)

QUARANTINE = Table(
    "quarantine",
    "Bad files and rows, each with its reason. Row is NULL where the whole file or part cannot be read.",
    ("source", "file", "row", "reason"),
    (
        Column("source", pa.string(), "source"),
        Column("file", pa.string(), "file, as in PARTS.path"),
        Column("row", pa.int64(), "ordinal of the row in the file, from 0", nullable=True),
        Column("rows", pa.int64(), "rows lost by this entry; 0 where a file's rows cannot be counted"),
        Column("reason", pa.string(), "what was wrong"),
    ),
)
