"""Tables that account for rows and for work."""

from __future__ import annotations

import pyarrow as pa

from midmix.tables.table import Column, Table

LEDGER = Table(
    "ledger",
    "Rows reconcile: rows_in = rows_kept + rows_dropped + rows_quarantined, per step and source.",
    ("step", "source"),
    (
        Column("step", pa.string(), "step"),
        Column("source", pa.string(), "source"),
        Column("rows_in", pa.int64(), "rows that entered"),
        Column("rows_kept", pa.int64(), "rows that went on"),
        Column("rows_dropped", pa.int64(), "rows dropped, by reason in DROPS"),
        Column("rows_quarantined", pa.int64(), "rows set aside, one by one in QUARANTINE"),
    ),
)

DROPS = Table(
    "drops",
    "Dropped documents and removed bytes by reason. An edit's row has 0 documents.",
    ("step", "source", "reason"),
    (
        Column("step", pa.string(), "step"),
        Column("source", pa.string(), "source"),
        Column("reason", pa.string(), "rule_set.rule, duplicate.*, leak.*, or edit.*"),
        Column("documents", pa.int64(), "documents dropped for this first reason"),
        Column("bytes", pa.int64(), "raw bytes of theirs, or bytes removed by an edit"),
    ),
)

STEPS = Table(
    "steps",
    "What the latest run did, per step and part. The one table with a clock in it.",
    ("step", "item", "unit"),
    (
        Column("step", pa.string(), "step"),
        Column("item", pa.string(), "what was worked on: a part, a batch of proxies, or all"),
        Column("unit", pa.string(), "scorer, rater or benchmark; empty where a step has one unit"),
        Column("part", pa.int64(), "part, NULL for steps over all parts", nullable=True),
        Column("fingerprint", pa.string(), "of settings, inputs, artefacts and code"),
        Column("action", pa.string(), "done or reused"),
        Column("cpu_seconds", pa.float64(), "processor time"),
        Column("text_bytes_read", pa.int64(), "bytes of document text read"),
    ),
)
