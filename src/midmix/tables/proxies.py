"""The table of trained proxies: what each started from, and where its weights lie."""

from __future__ import annotations

import pyarrow as pa

from midmix.tables.table import Column, Table

# Number of a stand-in base in PROXIES; runs of DESIGNS are numbered from 0.
BASE_RUN = -1
SEED, CHECKPOINT, STAND_IN = "seed", "checkpoint", "stand-in base"

PROXIES = Table(
    "proxies",
    "The proxies that were trained: what each started from, and which attached file holds its weights at the end. "
    "`midmix proxies export` turns one into a checkpoint for transformers.",
    ("run", "shape"),
    (
        Column("run", pa.int32(), "run of DESIGNS; -1 the stand-in base that the runs of its shape start from"),
        Column("shape", pa.string(), "model shape, as in LOSSES"),
        Column(
            "start", pa.string(), "seed (random weights), checkpoint, or stand-in base (trained here for want of one)"
        ),
        Column("start_sha256", pa.string(), "content of what it started from; NULL for random weights", nullable=True),
        Column("moments", pa.string(), "the optimizer's moments at its start: carried on from there, or zero"),
        Column(
            "start_tokens", pa.int64(), "tokens that its start had seen; NULL where that is not known", nullable=True
        ),
        Column(
            "tokens", pa.int64(), "tokens that it was trained on here; NULL where halving stopped it", nullable=True
        ),
        Column(
            "weights",
            pa.string(),
            "name of the attached file; NULL where none was kept, or the run died or was stopped",
            nullable=True,
        ),
    ),
)
