"""Tables of passages that stand in several documents: lines, paragraphs, exact substrings."""

from __future__ import annotations

import pyarrow as pa

from midmix.tables.table import HASH, Column, Table, doc_column

_PLACE = (
    Column("start_byte", pa.int64(), "first byte, in raw UTF-8"),
    Column("end_byte", pa.int64(), "byte after the last"),
)

PASSAGES = Table(
    "passages",
    "Hashes of the passages of every document that are long enough, one file per part and unit; no text.",
    ("hash", "check", "doc", "start_byte"),
    (
        Column(
            "hash", pa.int64(), "hash of the passage's UTF-8; of lines and paragraphs without white space around it"
        ),
        Column("check", pa.int64(), "a second one: equal pairs are equal passages"),
        doc_column(),
        *_PLACE,
    ),
    internal=True,
)

ANCHORS = Table(
    "anchors",
    "Places that equal substrings have in common, one file per part: what tells where substrings need comparing.",
    ("hash", "doc", "anchor"),
    (
        Column("hash", pa.int64(), "hash of the bytes there"),
        doc_column(),
        Column("anchor", pa.int64(), "first byte, in clean UTF-8"),
    ),
    internal=True,
)

SHARED_ANCHORS = Table(
    "shared_anchors",
    "Anchors that several documents have, one file per range of hashes.",
    ("doc", "anchor"),
    (doc_column(), Column("anchor", pa.int64(), "first byte, in clean UTF-8")),
    internal=True,
)

SHARED_WINDOWS = Table(
    "shared_windows",
    "Windows (passages of a substring's least length) that several documents have, one file per range of hashes.",
    ("doc", "start_byte"),
    (
        doc_column(),
        *_PLACE,
        Column("hash", pa.int64(), "as in PASSAGES"),
        Column("check", pa.int64(), "as in PASSAGES"),
        Column("documents", pa.int64(), "documents that have it"),
        Column("company", pa.int64(), "stays the same from window to window as long as the same documents go along"),
    ),
    internal=True,
)

REPEATED_PASSAGES = Table(
    "repeated_passages",
    "Passages that stand in several documents. It cuts nothing; `decide` leaves each to the first kept document.",
    ("unit", "passage", "doc", "start_byte"),
    (
        Column("unit", pa.string(), "line, paragraph or substring"),
        Column("passage", HASH, "what equal passages share"),
        doc_column(),
        *_PLACE,
        Column("documents", pa.int64(), "documents that have it"),
    ),
)
