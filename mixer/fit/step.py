"""DESIGNS, LOSSES -> LAWS and PREDICTIONS: every law on every metric, with its error on mixtures that it did not see."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from midmix.mixer.fit.laws_table import fit_laws
from midmix.mixer.fit.swarm import read_swarm
from midmix.step import Context
from midmix.tables import DESIGNS, LAWS, LOSSES, PREDICTIONS, Table
from midmix.task import Output, Task

VERSION = 1


def run(context: Context) -> None:
    """Fit the laws."""
    context.gather(fit, writes=(LAWS, PREDICTIONS), settings={}, reads=(DESIGNS, LOSSES))


def fit(task: Task, output: Output) -> None:
    """Write LAWS and PREDICTIONS."""
    designs = read_input(task, DESIGNS)
    swarm = read_swarm(designs, read_input(task, LOSSES), sorted(set(designs["domain"].to_pylist())))
    laws, predictions = fit_laws(swarm)
    output.table(LAWS, pa.Table.from_pylist(laws, LAWS.schema()), stem="laws")
    output.table(PREDICTIONS, pa.Table.from_pylist(predictions, PREDICTIONS.schema()), stem="predictions")


def read_input(task: Task, table: Table) -> pa.Table:
    """A small table that the task reads, whole."""
    files = [pq.read_table(path) for path in task.inputs[table.name]]
    return pa.concat_tables(files) if files else table.schema().empty_table()
