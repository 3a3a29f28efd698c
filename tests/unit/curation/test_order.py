"""The survivor order, on small exact cases."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from midmix.curation import order
from midmix.curation.order import checked_score, survivor_keys
from midmix.errors import ConfigError
from midmix.table_manifest import load_manifest
from midmix.tables import DOCUMENTS, PARTS, SOURCES, SURVIVOR_SCORES, doc_key, format_key

MakeRun = Callable[..., Any]


class ScoresAlone:
    """A step that does nothing else."""

    VERSION = 1
    run = staticmethod(order.write_scores)


def keys_in_order(run: Any) -> list[str]:
    """Keys of all documents of a run in survivor order, as they are printed."""
    tables = (DOCUMENTS, PARTS, SOURCES, SURVIVOR_SCORES)
    files = {table.name: load_manifest(run.folder, table.name).paths(run.folder) for table in tables}
    return [format_key(int(key)) for some in survivor_keys(duckdb.connect(), files) for key in some]


def write(folder: Path, name: str, schema: pa.Schema, rows: list[tuple[Any, ...]]) -> tuple[Path]:
    chosen = pa.schema([schema.field(column) for column in schema.names[: len(rows[0])]])
    named = [dict(zip(chosen.names, row, strict=True)) for row in rows]
    pq.write_table(pa.Table.from_pylist(named, chosen), folder / f"{name}.parquet")
    return (folder / f"{name}.parquet",)


def test_it_is_by_rank_length_hash_and_place_and_never_by_key(tmp_path: Path) -> None:
    low, high = sorted(hashlib.blake2b(bytes([n]), digest_size=16).digest() for n in (1, 2))
    documents = [
        (doc_key(0, 0), low, 10), (doc_key(0, 1), high, 10), (doc_key(0, 2), low, 11),
        (doc_key(1, 0), low, 99), (doc_key(2, 0), low, 10), (doc_key(3, 5), low, 10),
    ]  # fmt: skip
    places = (
        (0, "web", "b.parquet", 0),
        (1, "bad", "a.parquet", 0),
        (2, "web", "a.parquet", 50),
        (3, "web", "a.parquet", 40),
    )
    parts = pa.schema([PARTS.schema().field(name) for name in ("part", "source", "path", "first_row")])
    sources = pa.schema([SOURCES.schema().field(name) for name in ("source", "position", "survivor_rank")])
    files = {
        "documents": write(tmp_path, "d", DOCUMENTS.schema(), documents),
        "parts": write(tmp_path, "p", parts, list(places)),
        "sources": write(tmp_path, "s", sources, [("web", 1, 0), ("bad", 0, 1)]),
    }

    def ordered(asked: list[int] | None = None) -> list[int]:
        keys = None if asked is None else np.array(asked, np.uint64)
        return [int(key) for some in survivor_keys(duckdb.connect(), files, keys) for key in some]

    expected = [doc_key(0, 2), doc_key(3, 5), doc_key(2, 0), doc_key(0, 0), doc_key(0, 1), doc_key(1, 0)]
    assert ordered() == expected
    assert ordered([doc_key(1, 0), doc_key(2, 0)]) == [doc_key(2, 0), doc_key(1, 0)]
    assert ordered([]) == []


def test_a_score_comes_before_length_within_a_source(make_run: MakeRun, part: Any) -> None:
    parts = {
        0: part("web", ["a long text", "text", "b", "longest of them"], quality={0: 0.5, 1: 0.9, 2: 0.9}),
        1: part("books", ["xx", "x"], quality={0: 0.1, 1: 0.7}),
        2: part("web", ["last"], quality={0: 0.6}),
    }
    run = make_run(parts, sources={"web": "prose", "books": "prose"}, survivor_score="quality", survivor=["books"])
    run.run(ScoresAlone, "dedup")
    assert keys_in_order(run) == ["1:1", "1:0", "0:1", "0:2", "2:0", "0:0", "0:3"]


def test_without_a_score_there_are_no_rows(make_run: MakeRun, part: Any) -> None:
    run = make_run({0: part("web", ["b", "long"])}, sources={"web": "prose"})
    run.run(ScoresAlone, "dedup")
    assert run.rows(SURVIVOR_SCORES) == []
    assert keys_in_order(run) == ["0:1", "0:0"]


def test_what_is_no_number_comes_last(make_run: MakeRun, part: Any) -> None:
    run = make_run(
        {0: part("web", ["aaaa", "bbb", "cc", "d"], quality={0: 0.0, 1: 0.25, 2: float("nan")})},
        sources={"web": "prose"},
        survivor_score="quality * CASE WHEN num_bytes = 1 THEN NULL ELSE 1 END",
    )
    run.run(ScoresAlone, "dedup")
    assert [row["score"] for row in run.rows(SURVIVOR_SCORES)] == [0.0, 0.25, None, None]
    assert keys_in_order(run) == ["0:1", "0:0", "0:2", "0:3"]


@pytest.mark.parametrize("score", ["qualty", "text", "kind", "sum(quality)", "random()", "quality; DROP TABLE x"])
def test_a_score_that_is_no_number_of_one_document_is_refused(make_run: MakeRun, part: Any, score: str) -> None:
    run = make_run({0: part("web", ["a"])}, sources={"web": "prose"}, survivor_score=score)
    with pytest.raises(ConfigError, match="config: 'survivor_score'"):
        checked_score(run.config)


def test_a_score_that_fails_on_a_document_is_named(make_run: MakeRun, part: Any) -> None:
    run = make_run({0: part("web", ["a"])}, sources={"web": "prose"}, survivor_score="CAST(source AS INTEGER)")
    with pytest.raises(ConfigError, match="'survivor_score' cannot be evaluated on a document"):
        run.run(ScoresAlone, "dedup")


def test_only_what_a_score_names_does_it_depend_on(make_run: MakeRun, part: Any) -> None:
    def done(**changed: Any) -> str:
        run = make_run({0: part("web", ["a"])}, sources={"web": "prose"}, name=str(changed), **changed)
        run.run(ScoresAlone, "dedup")
        (record,) = (run.folder / "records" / "dedup" / order.UNIT).iterdir()
        return record.read_text().split('"fingerprint": "')[1][:64]

    same = {done(survivor_score="quality", memory_mb=memory) for memory in (64, 128)}
    assert len(same) == 1
    assert done(survivor_score="quality + 1") not in same
