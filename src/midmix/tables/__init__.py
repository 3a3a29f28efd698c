"""Every table of a run: columns, dtypes, units, key. The only vocabulary that the steps share.

A table is written through `midmix.table_files` alone, which checks it against its schema. `docs/tables.md` is made
from this package. Two rules hold everywhere, and the query face relies on them: the only unsigned 64-bit columns are
document keys (`part << 32 | row`), and the only fixed 16-byte binary columns are 128-bit content hashes.
"""

from __future__ import annotations

from midmix.tables.account import DROPS, LEDGER, STEPS
from midmix.tables.curated import CURATED, TOKEN_PARTS, TOKENS
from midmix.tables.duplicates import (
    APART,
    BANDS,
    CANDIDATES,
    NEEDED,
    PAIRS,
    PLACES,
    SHINGLES,
    SIGNATURES,
    SKETCHES,
    TEXT_KEYS,
)
from midmix.tables.ingested import COPIES, DOCUMENTS, PARTS, QUARANTINE, SOURCES
from midmix.tables.judged import ARTEFACTS, CUTS, DECISIONS, LABELS, RATER_AUDIT, SPANS, SURVIVOR_SCORES
from midmix.tables.leaks import CONTAMINATION, EVALUATION_ITEMS, ITEM_COVERAGE, ITEM_EMBEDDINGS
from midmix.tables.mixture import (
    ALTERNATIVES,
    ANNEALS,
    DESIGNS,
    EVIDENCE,
    EXPORTS,
    FRONTIER,
    HALVINGS,
    LAWS,
    LOSSES,
    PACKING,
    PLAN,
    PREDICTIONS,
    PRICES,
    REALIZED,
    WEIGHTS,
)
from midmix.tables.passages import ANCHORS, PASSAGES, REPEATED_PASSAGES, SHARED_ANCHORS, SHARED_WINDOWS
from midmix.tables.past import PAST_CANDIDATES, PAST_KEYS, PAST_PAIRS
from midmix.tables.proxies import PROXIES
from midmix.tables.scores import SCORES
from midmix.tables.semantic import CELLS, EMBEDDINGS, SEMANTIC_PAIRS
from midmix.tables.table import HASH, KEY, TEXT, Column, Table, doc_key, format_key, parse_key

TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        SOURCES, COPIES, PARTS, DOCUMENTS, QUARANTINE, EVALUATION_ITEMS, SCORES, SPANS, LABELS, RATER_AUDIT, ARTEFACTS,
        SURVIVOR_SCORES, SIGNATURES, BANDS, SKETCHES, TEXT_KEYS, PLACES, CANDIDATES, NEEDED, SHINGLES, PAIRS, APART,
        PAST_KEYS, PAST_CANDIDATES, PAST_PAIRS,
        PASSAGES, ANCHORS, SHARED_ANCHORS, SHARED_WINDOWS, REPEATED_PASSAGES, EMBEDDINGS, CELLS, SEMANTIC_PAIRS,
        ITEM_EMBEDDINGS, ITEM_COVERAGE, CONTAMINATION, DECISIONS, CUTS, CURATED, TOKEN_PARTS, TOKENS, DESIGNS, LOSSES,
        HALVINGS, PROXIES, LAWS, PREDICTIONS, WEIGHTS, ALTERNATIVES, PRICES, FRONTIER, ANNEALS, EVIDENCE, PLAN, PACKING,
        EXPORTS, REALIZED, LEDGER, DROPS, STEPS,
    )
}  # fmt: skip

__all__ = [
    "ALTERNATIVES",
    "ANCHORS",
    "ANNEALS",
    "APART",
    "ARTEFACTS",
    "BANDS",
    "CANDIDATES",
    "CELLS",
    "CONTAMINATION",
    "COPIES",
    "CURATED",
    "CUTS",
    "DECISIONS",
    "DESIGNS",
    "DOCUMENTS",
    "DROPS",
    "EMBEDDINGS",
    "EVALUATION_ITEMS",
    "EVIDENCE",
    "EXPORTS",
    "FRONTIER",
    "HALVINGS",
    "HASH",
    "ITEM_COVERAGE",
    "ITEM_EMBEDDINGS",
    "KEY",
    "LABELS",
    "LAWS",
    "LEDGER",
    "LOSSES",
    "NEEDED",
    "PACKING",
    "PAIRS",
    "PARTS",
    "PASSAGES",
    "PAST_CANDIDATES",
    "PAST_KEYS",
    "PAST_PAIRS",
    "PLACES",
    "PLAN",
    "PREDICTIONS",
    "PRICES",
    "PROXIES",
    "QUARANTINE",
    "RATER_AUDIT",
    "REALIZED",
    "REPEATED_PASSAGES",
    "SCORES",
    "SEMANTIC_PAIRS",
    "SHARED_ANCHORS",
    "SHARED_WINDOWS",
    "SHINGLES",
    "SIGNATURES",
    "SKETCHES",
    "SOURCES",
    "SPANS",
    "STEPS",
    "SURVIVOR_SCORES",
    "TABLES",
    "TEXT",
    "TEXT_KEYS",
    "TOKENS",
    "TOKEN_PARTS",
    "WEIGHTS",
    "Column",
    "Table",
    "doc_key",
    "format_key",
    "parse_key",
]
