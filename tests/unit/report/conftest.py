"""A run of small tables in memory, for the report: the schemas of the real ones, every table filled."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from midmix.tables import DOCUMENTS, TABLES, Table, doc_key

SOURCES = ("crawl", "repos", "proofs", "chats")
KINDS = ("prose", "code", "math", "reasoning")
REASONS = ("gopher.too_few_words", "gopher.dup_line_fraction", "duplicate.exact", "duplicate.near", "leak.gsm8k")
METRICS = (*(f"domain:{source}" for source in SOURCES), "set:gold")
# Columns of views, beside those of the tables.
VIEWS: Mapping[str, Mapping[str, str]] = {
    DOCUMENTS.name: {"source": "string", "kind": "string", "path": "string"},
    "rules": {
        "doc": "uint64", "rule_set": "string", "rule": "string", "value": "double", "threshold": "double", "fired": "bool",
    },
    "duplicates": {"doc": "uint64", "cluster": "uint64", "repeats": "uint64", "jaccard": "double"},
    "duplicate_losses": {
        "source": "string", "kept_source": "string", "relation": "string", "docs": "int64", "bytes": "int64",
        "tokens_estimated": "int64",
    },
    "predictions": {"metric": "string", "law": "string", "run": "int32", "measured": "double", "predicted": "double"},
}  # fmt: skip

Row = dict[str, Any]
Rows = dict[str, list[Row]]


class FakeRun:
    """A run whose views are small tables in memory; `largest` is the longest answer that it gave."""

    def __init__(self, rows: Mapping[str, Sequence[Row]]) -> None:
        self.connection = duckdb.connect(":memory:")
        self.largest = 0
        for name in {**TABLES, **VIEWS}:
            stored = TABLES[name].schema() if name in TABLES else pa.schema([])
            schema = pa.schema(
                [*stored, *(pa.field(*c) for c in VIEWS.get(name, {}).items() if c[0] not in stored.names)]
            )
            filled = [{f.name: row.get(f.name, blank(f)) for f in schema} for row in rows.get(name, ())]
            self.connection.register("incoming", pa.Table.from_pylist(filled, schema))
            self.connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM incoming')
            self.connection.unregister("incoming")

    def sql(self, query: str) -> duckdb.DuckDBPyRelation:
        self.largest = max(self.largest, len(self.connection.sql(query).fetchall()))
        return self.connection.sql(query)


def blank(field: pa.Field) -> Any:
    """NULL where the column may be, else the type's zero."""
    if field.nullable:
        return None
    blanks = {"string": "", "large_string": "", "bool": False, "fixed_size_binary[16]": bytes(16)}
    return blanks.get(str(field.type), [] if pa.types.is_list(field.type) else 0)


def listed(names: str, rows: Iterable[Sequence[Any]]) -> list[Row]:
    """Rows as dicts under the names."""
    return [dict(zip(names.split(), row, strict=True)) for row in rows]


def sample_rows(num_documents: int = 400) -> Rows:
    """A run with every table filled; the same at every call."""
    rng = np.random.default_rng(7)
    docs = [(doc_key(part, row), SOURCES[part]) for part in range(4) for row in range(num_documents // 4)]
    return {**documents(docs, rng), **counts(docs), **mixture(), **swarm(rng), **work()}


def documents(docs: list[tuple[int, str]], rng: np.random.Generator) -> Rows:
    """Documents of 1000 bytes, of which every fourth is dropped, for each reason in turn; values of three rules."""
    kinds = dict(zip(SOURCES, KINDS, strict=True))
    reasons = [(doc, None if place % 4 else REASONS[place // 4 % 5]) for place, (doc, _) in enumerate(docs)]
    repeats = [(doc, reason[10:]) for doc, reason in reasons if reason and reason.startswith("duplicate")]
    kept, rules = docs[1][0], []
    for doc, _ in docs:
        words, share = float(rng.lognormal(5, 1.2)), float(rng.beta(1, 12))
        rules += [
            (doc, "gopher", "too_few_words", words, 50.0, words < 50),
            (doc, "gopher", "dup_line_fraction", share, 0.3, share > 0.3),
            (doc, "gopher", "hash_word_ratio", share / 10, 0.1, False),
        ]
    return {
        "documents": listed(
            "doc source kind path num_bytes", ((d, s, kinds[s], f"{s}.parquet", 1000) for d, s in docs)
        ),
        "decisions": listed(
            "doc keep reason template template_size",
            (
                (doc, reason is None, reason, *((docs[0][0], 8) if place < 8 else (None, None)))
                for place, (doc, reason) in enumerate(reasons)
            ),
        ),
        "duplicates": listed("doc cluster repeats jaccard", ((doc, kept, kept, 0.87) for doc, _ in repeats)),
        "duplicate_losses": listed(
            "source kept_source relation docs bytes tokens_estimated",
            ((s, "crawl", how, 5, 5000, 1250) for s in SOURCES for how in ("exact", "near")),
        ),
        "pairs": listed("doc earlier relation jaccard", ((doc, kept, how, 0.87) for doc, how in repeats)),
        "rules": listed("doc rule_set rule value threshold fired", rules),
    }


def counts(docs: list[tuple[int, str]]) -> Rows:
    """Sources, ledger, drops, quarantine and leaks: exact figures that tests look for."""
    drops = [("decide", s, reason, 5 + place, 5000) for s in SOURCES for place, reason in enumerate(REASONS)]
    drops += [("apply", s, "edit.pii.email", 0, 120) for s in SOURCES]
    ledger = [("ingest", s, 101, 100, 0, 1) for s in SOURCES] + [("decide", s, 100, 75, 25, 0) for s in SOURCES]
    sets = [(name, role, i) for name, role in (("gsm8k", "benchmark"), ("gold", "target")) for i in range(20)]
    told = [(name, i, "question", "alignment", i > 2) for name, _, i in sets]
    leaks = [(docs[i * 16 % len(docs)][0], "gsm8k", i % 3, "question", "leak", "full", 0.9) for i in range(12)]
    leaks.append((docs[1][0], "gsm8k", 9, "question", "variant", "full", 1.0))
    return {
        "sources": listed(
            "source kind position", ((s, k, i) for i, (s, k) in enumerate(zip(SOURCES, KINDS, strict=True)))
        ),
        "ledger": listed("step source rows_in rows_kept rows_dropped rows_quarantined", ledger),
        "drops": listed("step source reason documents bytes", drops),
        "quarantine": listed(
            "source file row rows reason", ((s, f"{s}.parquet", 7, 1, "text is NULL") for s in SOURCES)
        ),
        "evaluation_items": listed("set role item", sets),
        "item_coverage": listed("set item field layer detectable", told),
        "contamination": listed("doc set item field label rule overlap", leaks),
    }


def mixture() -> Rows:
    """Tokens, weights, evidence and plan."""
    shares = {"natural": (0.1, 0.2, 0.3, 0.4), "baseline": (0.7, 0.1, 0.1, 0.1), "uniform": (0.25,) * 4}
    optimum = zip(SOURCES, (0.4, 0.1, 0.35, 0.15), strict=True)
    weights = [("optimum", s, w, w - 0.05, w + 0.08, 0.5, False, 1.5) for s, w in optimum]
    weights += [(m, s, w[i], None, None, None, False, 1.0) for m, w in shares.items() for i, s in enumerate(SOURCES)]
    bits = "bits per byte"
    evidence = [
        ("overall", "verdict", "weak", None, None, None, None, "Gains are seen but the interval is wide."),
        ("overall", "gain_over_natural", "supported", 0.0312, 0.01, 0.05, bits, "Better than natural."),
        ("retain:general", "retention_rise", "not supported", 0.02, -0.01, 0.05, bits, "Cannot be told."),
    ]
    tokens = [
        ("main", s, split, n, n * 4)
        for i, s in enumerate(SOURCES)
        for split, n in (("train", 9000 * (i + 1)), ("heldout", 999))
    ]
    plan = [("anneal", s, 100 * (i + 1), 80, 6400 * (i + 1)) for i, s in enumerate(SOURCES)]
    prices = [("cap", "proofs", 0.0123, "bits per byte per billion tokens")]
    frontier = [(p, "general", p / 10, p / 11, p / 5, p / 5 - 0.01, p / 5 + 0.01) for p in range(4)]
    ends = [("least", -0.04), ("most", 0.06)]
    doubles = [(f"{e}:{s}", s, w + by) for e, by in ends for s, w in zip(SOURCES, (0.4, 0.1, 0.35, 0.15), strict=True)]
    anneals = [
        ("proofs", 0.5, pool, "L2", name, role, 2.5 / pool, 3, gain, gain - 0.01, gain + 0.01, 0.04, verdict)
        for pool, gain, verdict in ((1.0, 0.0512, "supported"), (0.25, 0.0049, "weak"))
        for name, role in (("gold", "target"), ("general", "retain"))
    ]
    names = "candidate share pool shape capability role epochs seeds gain low high gain_over_web verdict"
    return {
        "anneals": listed(names, anneals),
        "prices": listed("kind name price unit", prices),
        "frontier": listed("point retain allowed rise gain gain_low gain_high", frontier),
        "alternatives": listed("mixture domain weight", doubles),
        "weights": listed("mixture domain weight low high cap at_cap epochs", weights),
        "evidence": listed("subject claim verdict value low high unit words", evidence),
        "tokens": listed("tokenizer domain split num_tokens num_bytes", tokens),
        "plan": listed("stage domain sequences available tokens", plan),
    }


def swarm(rng: np.random.Generator) -> Rows:
    """Twelve proxy runs with curves of eight points, laws and held-out predictions."""
    roles = ("control", "natural", "baseline", "web", *("space-filling",) * 8)
    losses, predictions = [], []
    for run, metric in ((run, metric) for run in range(12) for metric in METRICS):
        end = 5 + float(rng.normal(0, 0.1))
        for step in range(1, 9):
            value = end + 2.5 * math.exp(-step / 2)
            losses += [(run, step * 50_000, step, metric, "nats_per_token", value)]
            losses += [(run, step * 50_000, step, metric, "bits_per_byte", value / 3)]
        entropy = 6.3 if metric.startswith("domain") else 6.2 + run / 100
        losses.append((run, 400_000, 8, metric, "unigram_nats_per_token", entropy))
        predictions.append((metric, "power", run, end / 3, end / 3 + float(rng.normal(0, 0.01))))
    laws = [
        (m, law, 12, e, 0.9, 0.004, law == "power") for m in METRICS for law, e in (("power", 0.011), ("ridge", 0.02))
    ]
    return {
        "designs": listed(
            "run role stage domain weight", ((i, role, "anneal", "crawl", 1.0) for i, role in enumerate(roles))
        ),
        "losses": listed("run tokens step metric unit value shape", [(*row, "L2") for row in losses]),
        "predictions": listed("metric law run measured predicted", predictions),
        "laws": listed("metric law num_runs heldout_mae heldout_spearman noise_sd chosen", laws),
    }


def work() -> Rows:
    """Steps, artefacts and exports."""
    steps = [("score", f"p{i:09d}", "done" if i else "reused", 1.25, 1000) for i in range(4)]
    return {
        "steps": listed("step item action cpu_seconds text_bytes_read", steps),
        "artefacts": listed("name hash trained_on quality", [("rater:kind", "ab" * 32, ["crawl", "repos"], 0.951)]),
        "exports": listed("trainer file bytes", [("megatron", "blend.json", 512)]),
    }


@pytest.fixture(scope="session")
def sample() -> Callable[..., Rows]:
    """`sample(num_documents)`: rows of every table."""
    return sample_rows


@pytest.fixture(scope="session")
def fake_run() -> type[FakeRun]:
    """`fake_run(rows)`: an open run over such rows."""
    return FakeRun


@pytest.fixture(scope="session", autouse=True)
def _with_predictions() -> Iterable[None]:
    """The table of held-out predictions counts as there."""
    with pytest.MonkeyPatch.context() as patch:
        if "predictions" not in TABLES:
            patch.setitem(TABLES, "predictions", Table("predictions", "", (), ()))
        yield
