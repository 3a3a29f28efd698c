"""Passages that several kept documents share: the first of them in survivor order keeps each, the others lose it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import pairwise

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.config import Config
from midmix.curation.order import survivor_query
from midmix.query import connect_capped
from midmix.tables import CUTS, DECISIONS, REPEATED_PASSAGES
from midmix.task import Output, Task

PRODUCER = "passages"
_CHUNK_ROWS = 16_384
_CUTS_SQL = """
WITH held AS (
  SELECT p.unit, p.passage, p.doc, p.start_byte, p.end_byte
  FROM passages p JOIN decisions d USING (doc) WHERE d.keep AND list_contains(?::VARCHAR[], p.unit)
), placed AS (
  SELECT h.*, o.place, min(o.place) OVER (PARTITION BY h.unit, h.passage) AS first FROM held h JOIN survivors o USING (doc)
)
SELECT DISTINCT doc, start_byte, end_byte, 'repeated.' || unit AS reason FROM placed WHERE place > first
ORDER BY doc, start_byte, end_byte, reason"""


def cut_units(config: Config) -> list[str]:
    """Units of passages that are cut; the others are counted alone."""
    wanted = config.passages
    settings = {"line": wanted.lines, "paragraph": wanted.paragraphs, "substring": wanted.substrings}
    return [unit for unit, setting in settings.items() if setting and setting.action == "cut"]


def cut_passages(task: Task, output: Output) -> None:
    """CUTS of every part, of the units that the task names. Out of core, by DuckDB's join and sort."""
    if not task.settings["units"]:
        return
    spill = task.scratch / f"passages-{os.getpid()}"
    with connect_capped(task.memory_bytes, spill) as connection:
        for name, table in (("passages", REPEATED_PASSAGES), ("decisions", DECISIONS)):
            files = [str(path) for path in task.inputs[table.name]]
            if not files:
                return
            connection.read_parquet(files).create_view(name)
        _place_survivors(connection, task)
        found = connection.sql(_CUTS_SQL, params=[task.settings["units"]]).to_arrow_reader(_CHUNK_ROWS)
        for part, rows in _by_part(found):
            output.table(CUTS, rows, part=part)


def _place_survivors(connection: duckdb.DuckDBPyConnection, task: Task) -> None:
    """The table `survivors`: (doc, place in survivor order) of documents that have a repeated passage."""
    names = ("documents", "parts", "sources", "survivor_scores")
    order = survivor_query(
        **{name: task.inputs.get(name, ()) for name in names}, where="doc IN (SELECT doc FROM passages)"
    )
    # The rows come in the order of the query, and a sequence numbers them as they come.
    connection.execute("CREATE SEQUENCE places")
    connection.execute(f"CREATE TABLE survivors AS SELECT doc, nextval('places') AS place FROM ({order})")


def _by_part(found: pa.RecordBatchReader) -> Iterator[tuple[int, pa.Table]]:
    """Rows of CUTS by part, from rows in key order."""
    waiting: list[pa.Table] = []
    part = -1
    for batch in found:
        parts = (batch["doc"].to_numpy() >> np.uint64(32)).astype(np.int64)
        for start, stop in _runs(parts):
            if parts[start] != part and waiting:
                yield part, pa.concat_tables(waiting)
                waiting = []
            part = int(parts[start])
            waiting.append(_rows(batch.slice(start, stop - start)))
    if waiting:
        yield part, pa.concat_tables(waiting)


def _runs(parts: npt.NDArray[np.int64]) -> Sequence[tuple[int, int]]:
    bounds = [0, *(np.flatnonzero(np.diff(parts)) + 1).tolist(), len(parts)]
    return [(a, b) for a, b in pairwise(bounds) if a < b]


def _rows(batch: pa.RecordBatch) -> pa.Table:
    count = len(batch)
    columns = [
        *(batch[name] for name in ("doc", "start_byte", "end_byte", "reason")),
        pa.nulls(count, pa.string()),
        pa.array([PRODUCER] * count, pa.string()),
    ]
    return pa.table(columns, names=CUTS.schema().names).cast(CUTS.schema())
