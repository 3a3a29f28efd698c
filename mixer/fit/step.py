"""DESIGNS, LOSSES -> LAWS and PREDICTIONS: every law on every metric, with its error on mixtures that it did not see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from midmix.mixer.fit.laws_table import fit_laws
from midmix.mixer.fit.scales import by_scale
from midmix.mixer.fit.swarm import read_swarm
from midmix.step import Context
from midmix.tables import DESIGNS, LAWS, LOSSES, PREDICTIONS, Table
from midmix.task import Output, Task

VERSION = 2


def run(context: Context) -> None:
    """Fit the laws."""
    context.gather(fit, writes=(LAWS, PREDICTIONS), settings={}, reads=(DESIGNS, LOSSES))


def fit(task: Task, output: Output) -> None:
    """Write LAWS and PREDICTIONS."""
    designs = read_input(task, DESIGNS)
    swarm = read_swarm(designs, read_input(task, LOSSES), sorted(set(designs["domain"].to_pylist())))
    fitted = [fit_laws(part) for part in by_scale(swarm)]
    laws = [row for rows, _ in fitted for row in rows]
    predictions = [row for _, rows in fitted for row in rows]
    output.table(LAWS, in_key_order(LAWS, laws), stem="laws")
    output.table(PREDICTIONS, in_key_order(PREDICTIONS, predictions), stem="predictions")


def in_key_order(table: Table, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as the table's columns, sorted by its key."""
    made = sorted(rows, key=lambda row: tuple(row[name] for name in table.key))
    return pa.Table.from_pylist(made, table.schema())


def read_input(task: Task, table: Table) -> pa.Table:
    """A small table that the task reads, whole."""
    files = [pq.read_table(path) for path in task.inputs[table.name]]
    return pa.concat_tables(files) if files else table.schema().empty_table()
