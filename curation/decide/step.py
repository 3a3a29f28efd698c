"""decide: the verdict on every document. Rules and leaks first, then survivors among those that passed.

Made again whenever a value, a threshold or a pair changed; it reads no text. One file of DECISIONS per part, so that
what follows redoes only the parts whose verdicts changed.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather
import pyarrow.parquet as pq

from midmix.artifact import load_manifest
from midmix.curation.decide.duplicates import DuplicatePairs, load_pairs, repeats_of_part
from midmix.curation.decide.judged import JudgedParts, files_of_part
from midmix.curation.decide.resolve import resolve_rules, rules_as_settings
from midmix.curation.decide.sql import fired_sql
from midmix.curation.dedup.exchange import Workspace
from midmix.curation.dedup.survivors import choose_survivors, survivor_order
from midmix.errors import StepError
from midmix.parts import Part, document_keys
from midmix.step import Context
from midmix.tables import CONTAMINATION, DECISIONS, DOCUMENTS, LABELS, PAIRS, PARTS, SCORES, SOURCES
from midmix.task import Output, Task

VERSION = 1

# After the rules the leaks by name, duplicates last: the first in the list is the reason.
_DECISIONS_SQL = """
WITH leaks AS (
  SELECT doc, list(DISTINCT 'leak.' || "set" ORDER BY 'leak.' || "set") AS reasons FROM leaked GROUP BY doc
), judged AS (
  SELECT f.doc, f.source, f.num_bytes, r.repeats, r.jaccard, r.cluster,
    list_concat(f.fired, coalesce(l.reasons, []), CASE WHEN r.reason IS NULL THEN [] ELSE [r.reason] END) AS fired
  FROM fired f LEFT JOIN leaks l USING (doc) LEFT JOIN repeats r USING (doc)
)
SELECT doc, len(fired) = 0 AS keep, fired[1] AS reason, fired, repeats, jaccard, cluster, source, num_bytes
FROM judged ORDER BY doc"""


def run(context: Context) -> None:
    """Write DECISIONS. Raises ConfigError on unknown rule sets, rules or thresholds."""
    config = context.config
    rules = resolve_rules(config.rules, config.thresholds)
    context.gather(
        decide,
        writes=(DECISIONS,),
        settings={"rules": rules_as_settings(rules), "min_overlap": config.leaks.min_overlap},
        reads=(DOCUMENTS, SCORES, LABELS, PAIRS, CONTAMINATION, PARTS, SOURCES),
        extra=(rules, context.parts),
    )


def decide(task: Task, output: Output) -> None:
    """Write DECISIONS part by part. Memory is bounded by one part's columns and by one range of pairs."""
    rules, parts = task.extra
    task.scratch.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="decide-", dir=task.scratch) as scratch,
        JudgedParts(task.folder, memory_bytes=task.memory_bytes // 2, scratch=task.scratch) as judged,
    ):
        work = Workspace(Path(scratch), task.memory_bytes // 4)
        pairs = load_pairs(task.inputs[PAIRS.name], 1 + max((part.id for part in parts), default=0), work)
        verdicts = _Verdicts(task, judged, work.folder, fired_sql(rules))
        passed = work.array("passed", np.bool_, len(pairs.documents))
        for part in parts:
            verdicts.judge(part, pairs, passed)
        order = survivor_order(
            judged.connection,
            pairs.documents,
            work,
            documents=task.inputs[DOCUMENTS.name],
            parts=task.inputs[PARTS.name],
            sources=task.inputs[SOURCES.name],
        )
        survivors = choose_survivors(order, passed, pairs.batches, work)
        ledger = _Ledger()
        for part in parts:
            decisions = verdicts.decide(part, repeats_of_part(pairs, survivors, part.id))
            if decisions is not None:
                ledger.add(part.source, decisions)
                output.table(DECISIONS, decisions.select(DECISIONS.schema().names), part=part.id)
        ledger.write(output)


class _Verdicts:
    """Verdicts of one part at a time: first by rules and leaks, kept on disk; then with what repeats what."""

    def __init__(self, task: Task, judged: JudgedParts, scratch: Path, fired: str) -> None:
        self._task, self._judged, self._scratch, self._fired_sql = task, judged, scratch, fired
        self._contamination = load_manifest(task.folder, CONTAMINATION.name)

    def judge(self, part: Part, pairs: DuplicatePairs, passed: npt.NDArray[np.bool_]) -> None:
        """Evaluate the rules; set `passed` of those documents with a pair that nothing speaks against."""
        if not self._judged.show(part.id):
            return
        fired = self._judged.table(self._fired_sql)
        self._check(part, fired)
        pa.feather.write_feather(fired, self._file(part), compression="uncompressed")
        keys = fired.column("doc").to_numpy()
        clear = pc.equal(pc.list_value_length(fired.column("fired")), 0).to_numpy()
        clear &= ~np.isin(keys, self._leaked(part).column("doc").to_numpy())
        first, last = pairs.span(part.id)
        passed[first:last] = clear[np.searchsorted(keys, pairs.documents[first:last])]

    def decide(self, part: Part, repeats: pa.Table) -> pa.Table | None:
        """DECISIONS of the part, with source and num_bytes; None where it has no documents."""
        if not self._judged.document_files(part.id):
            return None
        for name, data in (
            ("fired", pa.feather.read_table(self._file(part))),
            ("leaked", self._leaked(part)),
            ("repeats", repeats),
        ):
            self._judged.connection.register(name, data)
        return self._judged.table(_DECISIONS_SQL)

    def _check(self, part: Part, fired: pa.Table) -> None:
        keys = document_keys(self._judged.document_files(part.id))
        if not np.array_equal(fired.column("doc").to_numpy(), keys):
            raise StepError(
                f"part {part.id}: {len(keys)} documents got {fired.num_rows} verdicts, and each must get one. "
                f"Run the steps from 'score' again with --rerun."
            )

    def _leaked(self, part: Part) -> pa.Table:
        """(doc, set) of the part's contamination at or over the least overlap."""
        columns = ["doc", "set", "overlap"]
        tables = [CONTAMINATION.schema().empty_table().select(columns)]
        files = files_of_part(self._task.folder, self._contamination, part.id)
        found = pa.concat_tables([*tables, *(pq.read_table(file, columns=columns) for file in files)])
        of_part = found.column("doc").to_numpy() >> np.uint64(32) == part.id
        enough = found.column("overlap").to_numpy() >= self._task.settings["min_overlap"]
        return found.filter(pa.array(of_part & enough)).select(["doc", "set"])

    def _file(self, part: Part) -> Path:
        return self._scratch / f"{part.item}.arrow"


class _Ledger:
    """Rows in, kept and dropped by reason, per source."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()
        self._dropped: defaultdict[str, dict[str, tuple[int, int]]] = defaultdict(dict)

    def add(self, source: str, decisions: pa.Table) -> None:
        """Count the decisions of one part."""
        self._rows[source] += decisions.num_rows
        dropped = decisions.filter(pc.is_valid(decisions.column("reason"))).select(["reason", "num_bytes"])
        by_reason = dropped.group_by("reason").aggregate([("num_bytes", "count"), ("num_bytes", "sum")])
        counts = by_reason.select(["reason", "num_bytes_count", "num_bytes_sum"])
        for reason, new, new_bytes in zip(*(c.to_pylist() for c in counts.columns), strict=True):
            documents, num_bytes = self._dropped[source].get(reason, (0, 0))
            self._dropped[source][reason] = (documents + new, num_bytes + new_bytes)

    def write(self, output: Output) -> None:
        """Account for every source."""
        for source, rows in sorted(self._rows.items()):
            dropped = dict(sorted(self._dropped[source].items()))
            output.count(source, rows, rows - sum(documents for documents, _ in dropped.values()), dropped)
