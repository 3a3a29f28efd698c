"""Tables of what is known of documents, and of the verdict on them."""

from __future__ import annotations

import pyarrow as pa

from midmix.tables.table import KEY, Column, Table, doc_column

SPANS = Table(
    "spans",
    "What an edit would cut or mask, in bytes of the raw text. Overlaps are united and removal beats a mask when read.",
    ("doc", "start_byte", "end_byte", "reason"),
    (
        doc_column(),
        Column("start_byte", pa.int64(), "first byte, in raw UTF-8"),
        Column("end_byte", pa.int64(), "byte after the last"),
        Column("reason", pa.string(), "such as pii.email, pii.ip, secret.key, boilerplate.line"),
        Column("replacement", pa.string(), "what stands in its place; NULL removes", nullable=True),
        Column("producer", pa.string(), "scorer that wrote it"),
    ),
)

LABELS = Table(
    "labels",
    "What frozen models say of a document, one column group per rater. NULL where a rater was not run or is unsure.",
    ("doc",),
    (
        doc_column(),
        Column("language", pa.string(), "ISO 639-1 code, NULL below the confidence", nullable=True, group="language"),
        Column("language_confidence", pa.float32(), "probability of the language", nullable=True, group="language"),
        Column(
            "kind",
            pa.string(),
            "prose, code, math or reasoning; NULL below the confidence",
            nullable=True,
            group="kind",
        ),
        Column("kind_confidence", pa.float32(), "probability of the kind", nullable=True, group="kind"),
        Column(
            "quality", pa.float32(), "probability of the quality rater's positive class", nullable=True, group="quality"
        ),
    ),
)

RATER_AUDIT = Table(
    "rater_audit",
    "What raters and levels agree on and lean to, on a sample of the run's documents.",
    ("rater", "measure", "other"),
    (
        Column("rater", pa.string(), "rater or level; of a rater of classes, its confidence"),
        Column(
            "measure",
            pa.string(),
            "agreement and length_bias: Spearman's rank correlation; source_bias: mean rank of a source less that of all, -0.5 to 0.5",
        ),
        Column("other", pa.string(), "the other rater, num_bytes, or the source"),
        Column("documents", pa.int64(), "documents that it rests on"),
        Column("value", pa.float64(), "NULL where it cannot be said", nullable=True),
    ),
)

ARTEFACTS = Table(
    "artefacts",
    "Trained things, frozen: they change only when asked.",
    ("name",),
    (
        Column("name", pa.string(), "such as rater:kind"),
        Column("hash", pa.string(), "sha256 of the file"),
        Column("path", pa.string(), "file in the run folder"),
        Column("trained_on", pa.list_(pa.string()), "sources"),
        Column("quality", pa.float64(), "held-out accuracy", nullable=True),
        Column("record", pa.string(), "settings and counts, as JSON"),
    ),
)

SURVIVOR_SCORES = Table(
    "survivor_scores",
    "The config's `survivor_score` of every document; without one it has no rows.",
    ("doc",),
    (
        doc_column(),
        Column("score", pa.float64(), "higher stands first in the survivor order, NULL last", nullable=True),
    ),
    internal=True,
)

DECISIONS = Table(
    "decisions",
    "The verdict on every document, with every rule that fired. The only table with thresholds behind it.",
    ("doc",),
    (
        doc_column(),
        Column("keep", pa.bool_(), "whether the document is kept"),
        Column("reason", pa.string(), "first reason in the declared order; NULL when kept", nullable=True),
        Column("fired", pa.list_(pa.string()), "every rule that fired, as rule_set.rule"),
        Column("repeats", KEY, "of a duplicate, the kept document that it repeats", nullable=True),
        Column(
            "relation", pa.string(), "how it repeats that one: exact, near, contained, url or semantic", nullable=True
        ),
        Column("jaccard", pa.float64(), "verified Jaccard with it, where it was computed", nullable=True),
        Column("containment", pa.float64(), "share of its shingles in that one, where it was computed", nullable=True),
        Column(
            "cosine", pa.float64(), "of the embeddings of both, where it repeats it in meaning alone", nullable=True
        ),
        Column("cluster", KEY, "smallest key of the duplicate cluster; NULL outside clusters", nullable=True),
        Column("cluster_size", pa.int64(), "documents in the cluster, dropped ones included", nullable=True),
        Column("template", KEY, "smallest key among texts that differ in numbers alone; NULL if alone", nullable=True),
        Column("template_size", pa.int64(), "documents among these, dropped ones included", nullable=True),
    ),
)

CUTS = Table(
    "cuts",
    "What decisions take out of kept documents, in bytes of the raw text; `apply` unites it with the edits in force.",
    ("doc", "start_byte", "end_byte", "reason"),
    (
        doc_column(),
        Column("start_byte", pa.int64(), "first byte, in raw UTF-8"),
        Column("end_byte", pa.int64(), "byte after the last"),
        Column(
            "reason", pa.string(), "leak.SET or variant.SET; repeated.UNIT, where an earlier document keeps the passage"
        ),
        Column("replacement", pa.string(), "what stands in its place; NULL removes", nullable=True),
        Column("producer", pa.string(), "what found it: leaks or passages"),
    ),
)
