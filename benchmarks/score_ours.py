"""Our side of benchmarks/score.py: a slice of parquet read, scored and decided, every table written as parquet.

As a script it is a worker by itself, for memory and for two at once: it scores the slices that it is told of when a
line comes, then says its peak of resident memory in MiB.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from midmix.config import parse_config
from midmix.curation.decide.resolve import resolve_rules
from midmix.curation.decide.sql import fired_sql
from midmix.curation.score.groups import score_texts, scores_table
from midmix.table_files import write_table
from midmix.tables import DECISIONS, SCORES, SPANS

# Of a worker over its slices: one takes two seconds, of which a single flush to the disk may be a tenth.
PASSES = 4
SETS = ("gopher_quality", "gopher_repetition", "fineweb", "c4")
CONFIG = {"sources": {"bench": {"path": "x", "kind": "prose"}}}


def _spans(batches: Sequence[Any], keys: npt.NDArray[np.uint64]) -> pa.Table:
    tables = [SPANS.schema().empty_table()]
    for batch in batches:
        tables.append(batch.table(keys[: len(batch)]))
        keys = keys[len(batch) :]
    return pa.concat_tables(tables)


class Ours:
    """Our side of one comparison: read a slice, score, decide, write."""

    def __init__(self, folder: Path, sets: Sequence[str]) -> None:
        self.folder, self.sets = folder, sets
        config = parse_config(CONFIG | {"rules": {"prose": list(sets)}}, base=folder)
        self.sql = fired_sql({"prose": resolve_rules(config)["prose"]})
        self.groups = tuple(sets)
        self.connection = duckdb.connect()
        self.connection.execute("SET threads = 1")

    def __call__(self, path: Path) -> list[list[str]]:
        """The rules that fired for each document, in order."""
        texts = pq.read_table(path, columns=["text"], use_threads=False).column("text").combine_chunks()
        keys = np.arange(len(texts), dtype=np.uint64)
        scores, found = score_texts(texts, (*self.groups, "c4_spans") if "c4" in self.sets else self.groups)
        for group, columns in scores.items():
            write_table(self.folder, SCORES, scores_table(group, keys, columns), stem=f"{group}/p", unit=group)
        if found:
            write_table(self.folder, SPANS, _spans(found["c4_spans"], keys), stem="p")
        return self._decide(path, keys, scores)

    def _decide(self, path: Path, keys: npt.NDArray[np.uint64], scores: dict[str, Any]) -> list[list[str]]:
        made = {name: column for columns in scores.values() for name, column in columns.items()}
        fixed = {"doc": keys, "source": ["bench"] * len(keys), "kind": ["prose"] * len(keys), "num_bytes": keys}
        self.connection.register("judged", pa.table(fixed | made))
        fired = self.connection.sql(self.sql).to_arrow_table().column("fired").combine_chunks()
        keep = pa.compute.equal(pa.compute.list_value_length(fired), 0)
        reason = pa.array([f[0] if f else None for f in fired.to_pylist()], pa.string())
        known = {"doc": pa.array(keys), "keep": keep, "reason": reason, "fired": fired}
        schema = DECISIONS.schema()
        arrays = [known.get(field.name, pa.nulls(len(keys), field.type)).cast(field.type) for field in schema]
        write_table(self.folder, DECISIONS, pa.Table.from_arrays(arrays, schema=schema), stem="p")
        return fired.to_pylist()


def main() -> None:
    """The worker: FOLDER CORE SLICES..."""
    folder, core, *paths = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    ours = Ours(Path(folder), SETS)
    # Once before the clock: a worker of a real corpus has its dictionary of words after a hundredth of its time.
    for path in paths:
        ours(Path(path))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for path in paths * PASSES:
        ours(Path(path))
    # Said at once: what a process takes to end is no work.
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
