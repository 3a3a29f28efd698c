"""The survivor order: of documents that repeat one another the first stays.

It is total: declared rank of the source, then `survivor_score` (higher first, NULL last), then longer text, then
content hash, and for equal content the place of the source in the config, path and row. It never looks at keys, so it
is the same for any order in which parts came, and does not depend on how a run grew.

Scores are values of one document each and are evaluated part by part into a column of their own; the order is then one
sort on disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.columns import groups_of
from midmix.config import Config
from midmix.curation.decide.judged import JudgedParts
from midmix.curation.decide.sql import judged_schema
from midmix.errors import ConfigError
from midmix.expression import Expression, parse_expressions
from midmix.own_columns import PLACE_COLUMNS
from midmix.parts import Part
from midmix.step import Context
from midmix.tables import DOCUMENTS, SURVIVOR_SCORES
from midmix.task import JSON, Output, Task

# Keys that are read at a time.
CHUNK_ROWS = 16_384
# The step that does this has other work as well.
UNIT = "survivor_score"


def checked_score(config: Config) -> Expression | None:
    """The config's `survivor_score`, checked as a number over one row of `judged`. Raises ConfigError."""
    if config.survivor_score is None:
        return None
    named = {"score": config.survivor_score}
    try:
        return parse_expressions(named, judged_schema(config), section="survivor", gives="number")["score"]
    except ConfigError as error:
        raise ConfigError(str(error).replace("'survivor.score'", "'survivor_score'", 1)) from None


def write_scores(context: Context) -> None:
    """Write SURVIVOR_SCORES, part by part; without a `survivor_score` it has no rows."""
    score = checked_score(context.config)

    def units(part: Part) -> dict[str, JSON]:
        return {UNIT: {"score": score.sql, "place": _place(context.config, part, score.columns)}} if score else {}

    context.per_part(
        score_part,
        writes=(SURVIVOR_SCORES,),
        units=units,
        reads=(DOCUMENTS,),
        groups={UNIT: groups_of(context.config, score.columns)} if score else {},
        over_text=False,
        extra=context.config,
    )


def _place(config: Config, part: Part, columns: Sequence[str]) -> dict[str, str | None]:
    """What the config and PARTS say of every document of a part, of the columns that a score names."""
    known = {"source": part.source, "path": part.path, "kind": part.kind}
    source = config.sources.get(part.source)
    return {name: known.get(name, getattr(source, name, None)) for name in PLACE_COLUMNS if name in columns}


def score_part(task: Task, output: Output) -> None:
    """Scores of the documents of one part. Raises ConfigError where one cannot be evaluated."""
    assert task.part is not None
    score = task.settings["score"]
    with JudgedParts(task.folder, task.extra, memory_bytes=task.memory_bytes, scratch=task.scratch) as judged:
        if not judged.show(task.part.id, score):
            return
        try:
            # DuckDB sorts NaN above every number; a score that is no number is none.
            found = judged.table(
                f"SELECT doc, CASE WHEN isnan(score) THEN NULL ELSE score END AS score "
                f"FROM (SELECT doc, CAST((\n{score}\n) AS DOUBLE) AS score FROM judged) ORDER BY doc"
            )
        except duckdb.Error as error:
            raise ConfigError(
                f"config: 'survivor_score' cannot be evaluated on a document: {str(error).splitlines()[0][:300]}. "
                f"Where a value may not fit, write TRY_CAST or a CASE."
            ) from None
    output.table(SURVIVOR_SCORES, found)


def _files(files: Sequence[Path]) -> str:
    return "read_parquet([" + ", ".join("'" + str(path).replace("'", "''") + "'" for path in files) + "])"


def survivor_query(
    *,
    documents: Sequence[Path],
    parts: Sequence[Path],
    sources: Sequence[Path],
    survivor_scores: Sequence[Path] = (),
    where: str = "true",
) -> str:
    """SQL for the keys (`doc`) of documents in survivor order; the files are those of the tables of the same names.

    The last terms, part and row, are path and row in the file: parts are numbered by them before they are compared.
    Scores are joined by place, which takes no memory: a document whose score is of another one is left out, so whoever
    counts the keys will see it.
    """
    if not documents:
        return "SELECT 0::UBIGINT AS doc WHERE false"
    rows, score, same = _files(documents), "NULL::DOUBLE", "true"
    if survivor_scores:
        rows = f"(SELECT * FROM {rows} AS d POSITIONAL JOIN (SELECT doc AS scored, score FROM {_files(survivor_scores)}) AS s)"
        score, same = "score", "scored = doc"
    return (
        "WITH ranked AS (SELECT part, survivor_rank, row_number() OVER (ORDER BY position, parts.path, first_row) AS number "
        f"FROM {_files(parts)} AS parts JOIN {_files(sources)} AS sources USING (source)) "
        f"SELECT doc FROM {rows} AS documents JOIN ranked ON ranked.part = (doc >> 32)::BIGINT "
        f"WHERE {same} AND ({where}) "
        f"ORDER BY survivor_rank, {score} DESC NULLS LAST, num_bytes DESC, content_hash, number, doc"
    )


def survivor_keys(
    connection: duckdb.DuckDBPyConnection, files: Mapping[str, Any], asked: npt.NDArray[np.uint64] | None = None
) -> Iterator[npt.NDArray[np.uint64]]:
    """Keys in survivor order, some thousands at a time: of all documents, or of those `asked` for.

    `files` holds the files of `documents`, `parts`, `sources` and `survivor_scores` by name, others beside them; the
    connection's memory limit and spill folder hold for the sort.
    """
    named = {name: files.get(name, ()) for name in ("documents", "parts", "sources", "survivor_scores")}
    where = "true"
    if asked is not None:
        connection.register("asked_documents", pa.table({"doc": asked}))
        where = "doc IN (SELECT doc FROM asked_documents)"
    for batch in connection.sql(survivor_query(**named, where=where)).to_arrow_reader(CHUNK_ROWS):
        yield batch["doc"].to_numpy()
    if asked is not None:
        connection.unregister("asked_documents")
