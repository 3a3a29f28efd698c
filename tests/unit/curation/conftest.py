"""A run folder as the steps before `decide` leave it, made by hand from texts and a few values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from midmix.book import Book
from midmix.config import Config, parse_config
from midmix.step import Context
from midmix.table_files import write_table
from midmix.table_manifest import FileEntry, Manifest, publish
from midmix.tables import (
    CONTAMINATION,
    DOCUMENTS,
    EVALUATION_ITEMS,
    LABELS,
    PAIRS,
    PARTS,
    SCORES,
    SEMANTIC_PAIRS,
    SOURCES,
    SPANS,
    Table,
    doc_key,
    parse_key,
)

# Values under which no rule of any kind fires.
CLEAR = {
    "num_lines": 5, "num_words": 100, "max_line_chars": 80, "mean_line_chars": 40.0, "alphanumeric_fraction": 0.8,
    "num_nonsymbol_words": 100, "mean_word_chars": 5.0, "alpha_word_fraction": 1.0, "num_stop_words": 5,
    "repetition_chars": 500, "alphabetic_fraction": 0.7, "zstd_ratio": 0.5,
}  # fmt: skip

_LEAK = {
    "item": 0, "field": "question", "layer": "alignment", "label": "leak", "rule": "full", "overlap": 1.0,
    "start_byte": 0, "end_byte": 1,
}  # fmt: skip

_ZERO = {pa.bool_(): False, pa.string(): None}


@dataclass
class Part:
    """One part of the run: its source and texts, and what is known of its rows by their ordinal."""

    source: str
    texts: Sequence[str]
    scores: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    kinds: Mapping[int, str] = field(default_factory=dict)
    quality: Mapping[int, float] = field(default_factory=dict)
    spans: Sequence[tuple[int, int, int, str, str | None]] = ()
    metadata: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    urls: Mapping[int, str] = field(default_factory=dict)


class Inline:
    """A pool that does its tasks here, in order, and keeps what it is told to show."""

    def __init__(self, said: list[str]) -> None:
        self._said = said

    def map(self, function: Callable[..., None], calls: Sequence[tuple[Any, ...]], **_: Any) -> None:
        for call in calls:
            function(*call)

    def say(self, line: str) -> None:
        self._said.append(line)


@dataclass
class Made:
    """The run: its folder and config, and a way to run a step's module on it."""

    folder: Path
    config: Config
    books: dict[str, Book] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def run(self, module: Any, step: str) -> Book:
        """Run a step; returns what it counted."""
        book = Book(self.folder, (step,))
        module.run(Context(self.folder, self.config, step, module.VERSION, Inline(self.said), book))  # type: ignore[arg-type]
        book.close_step(step)
        self.books[step] = book
        return book

    def rows(self, table: Table) -> list[dict[str, Any]]:
        """Every row of a table that has no column groups."""
        from midmix.table_files import read_table

        return read_table(self.folder, table).to_pylist()


def _publish(folder: Path, table: Table, files: Sequence[FileEntry]) -> None:
    publish(folder, Manifest(table.name, tuple(files)))


def _per_part(folder: Path, table: Table, rows: Mapping[int, list[dict[str, Any]]], unit: str = "") -> list[FileEntry]:
    schema = table.schema(unit or None)
    return [
        write_table(
            folder, table, pa.Table.from_pylist(found, schema), stem=f"{unit or 'x'}/p{part}", unit=unit, part=part
        )
        for part, found in rows.items()
    ]


def _filled(columns: Sequence[str], schema: pa.Schema, values: Mapping[str, Any]) -> dict[str, Any]:
    zero = {c: _ZERO.get(schema.field(c).type, 0) for c in columns}
    return zero | {c: v for c, v in {**CLEAR, **values}.items() if c in columns}


def _document(number: int, row: int, part: Part) -> dict[str, Any]:
    text = part.texts[row]
    data = text.encode()
    content_hash = hashlib.blake2b(data, digest_size=16).digest()
    known = {"doc": doc_key(number, row), "content_hash": content_hash, "num_bytes": len(data), "num_chars": len(text)}
    metadata = json.dumps(part.metadata[row]) if row in part.metadata else None
    return known | {"user_id": None, "url": part.urls.get(row), "metadata": metadata}


def _write_parts(folder: Path, parts: Mapping[int, Part], order: Sequence[str]) -> None:
    rows = []
    for number, part in parts.items():
        path = folder.parent / f"{part.source}-{number}.parquet"
        pq.write_table(pa.table({"text": pa.array(part.texts, pa.large_string())}), path)
        rows.append(
            {"part": number, "source": part.source, "path": path.name, "file_hash": "x", "first_row_group": 0}
            | {"num_row_groups": 1, "first_row": 0, "rows": len(part.texts), "text_bytes": 1, "text_column": "text"}
        )
    rows.sort(key=lambda row: row["part"])
    _publish(folder, PARTS, [write_table(folder, PARTS, pa.Table.from_pylist(rows, PARTS.schema()), stem="parts")])


def _write_columns(folder: Path, parts: Mapping[int, Part]) -> None:
    scores = []
    for group in SCORES.groups:
        schema = SCORES.schema(group)
        columns = schema.names[1:]
        rows = {
            number: [
                {"doc": doc_key(number, row)} | _filled(columns, schema, part.scores.get(row, {}))
                for row in range(len(part.texts))
            ]
            for number, part in parts.items()
        }
        scores += _per_part(folder, SCORES, rows, group)
    _publish(folder, SCORES, scores)
    labels = []
    for group, column in (("kind", "kinds"), ("quality", "quality")):
        rows = {
            number: [
                {"doc": doc_key(number, row), group: getattr(part, column).get(row)} for row in range(len(part.texts))
            ]
            for number, part in parts.items()
        }
        labels += _per_part(folder, LABELS, rows, group)
    _publish(folder, LABELS, labels)


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Made]:
    """Makes the run. Keys are `part:row`; `pairs` are (doc, earlier, relation, Jaccard[, containment]), `semantic`
    (doc, earlier, cosine), `leaks` (doc, set, other columns of CONTAMINATION), `items` (set, item, split), `dedup_of` is
    the section `dedup` of each source, `grouped` its `group` and `group_order`."""

    def make(
        parts: Mapping[int, Part],
        *,
        sources: Mapping[str, str],
        pairs: Sequence[tuple[Any, ...]] = (),
        semantic: Sequence[tuple[str, str, float]] = (),
        leaks: Sequence[tuple[str, str, Mapping[str, Any]]] = (),
        items: Sequence[tuple[str, int, str]] = (),
        dedup_of: Mapping[str, Mapping[str, Any]] | None = None,
        config_leaks: Mapping[str, Any] | None = None,
        grouped: Mapping[str, Mapping[str, str]] | None = None,
        name: str = "run",
        **config: Any,
    ) -> Made:
        base = tmp_path / name
        folder = base / "RUN"
        folder.mkdir(parents=True)
        declared = {
            source: {"path": f"{source}-*.parquet", "kind": kind, "dedup": (dedup_of or {}).get(source, {})}
            | dict((grouped or {}).get(source, {}))
            for source, kind in sources.items()
        }
        parsed = parse_config({"sources": declared, "leaks": dict(config_leaks or {}), **config}, base=base)
        rows = [
            {"source": s, "position": i, "survivor_rank": parsed.survivor_order.index(s), "kind": kind, "path": "x"}
            for i, (s, kind) in enumerate(sources.items())
        ]
        _publish(
            folder, SOURCES, [write_table(folder, SOURCES, pa.Table.from_pylist(rows, SOURCES.schema()), stem="s")]
        )
        _write_parts(folder, parts, list(sources))
        documents = {n: [_document(n, row, p) for row in range(len(p.texts))] for n, p in parts.items()}
        _publish(folder, DOCUMENTS, _per_part(folder, DOCUMENTS, documents))
        _write_columns(folder, parts)
        fields = ("start_byte", "end_byte", "reason", "replacement")
        spans = {
            n: [
                {"doc": doc_key(n, row), **dict(zip(fields, rest, strict=True)), "producer": "test"}
                for row, *rest in p.spans
            ]
            for n, p in parts.items()
        }
        _publish(folder, SPANS, _per_part(folder, SPANS, spans))
        names = ("relation", "jaccard", "containment")
        found = [
            {"doc": parse_key(d), "earlier": parse_key(e), **dict(zip(names, values, strict=False))}
            for d, e, *values in pairs
        ]
        _publish(folder, PAIRS, [write_table(folder, PAIRS, pa.Table.from_pylist(found, PAIRS.schema()), stem="p")])
        alike = [
            {"doc": parse_key(d), "earlier": parse_key(e), "relation": "semantic", "cosine": cosine}
            for d, e, cosine in semantic
        ]
        rows = pa.Table.from_pylist(alike, SEMANTIC_PAIRS.schema())
        _publish(folder, SEMANTIC_PAIRS, [write_table(folder, SEMANTIC_PAIRS, rows, stem="p")])
        hits = {
            n: [
                {"doc": parse_key(d), "set": s, **_LEAK, **columns}
                for d, s, columns in leaks
                if parse_key(d) >> 32 == n
            ]
            for n in parts
        }
        _publish(folder, CONTAMINATION, _per_part(folder, CONTAMINATION, hits))
        known = [{"set": s, "item": i, "split": split, "role": "benchmark", "answer": "x"} for s, i, split in items]
        rows = pa.Table.from_pylist(known, EVALUATION_ITEMS.schema())
        _publish(folder, EVALUATION_ITEMS, [write_table(folder, EVALUATION_ITEMS, rows, stem="i")])
        return Made(folder, parsed)

    return make


@pytest.fixture
def part() -> type[Part]:
    """The class of a part of a hand-made run."""
    return Part
