"""decide: the verdict on every document. Rules and leaks first, then survivors among those that passed.

Made again whenever a value, a threshold or a pair changed; it reads no text. One file of DECISIONS per part, so that
what follows redoes only the parts whose verdicts changed.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import pyarrow as pa
import pyarrow.compute as pc

from midmix.curation.decide.duplicates import duplicate_settings
from midmix.curation.decide.leaks import leak_settings
from midmix.curation.decide.passages import cut_passages, cut_units
from midmix.curation.decide.resolve import rules_as_settings
from midmix.curation.decide.sql import checked_rules
from midmix.curation.decide.verdicts import decide_parts
from midmix.step import Context
from midmix.tables import (
    CONTAMINATION,
    CUTS,
    DECISIONS,
    DOCUMENTS,
    EVALUATION_ITEMS,
    LABELS,
    PAIRS,
    PARTS,
    PAST_PAIRS,
    REPEATED_PASSAGES,
    SCORES,
    SEMANTIC_PAIRS,
    SOURCES,
    SURVIVOR_SCORES,
)
from midmix.task import Output, Task

VERSION = 3


def run(context: Context) -> None:
    """Write DECISIONS and CUTS. Raises ConfigError on unknown rule sets, rules or thresholds."""
    config = context.config
    rules = checked_rules(config)
    context.gather(
        decide,
        writes=(DECISIONS, CUTS),
        settings={
            "rules": rules_as_settings(rules),
            "leaks": leak_settings(config),
            "duplicates": duplicate_settings(config),
        },
        reads=(
            DOCUMENTS,
            SCORES,
            LABELS,
            SURVIVOR_SCORES,
            PAIRS,
            SEMANTIC_PAIRS,
            PAST_PAIRS,
            EVALUATION_ITEMS,
            CONTAMINATION,
            PARTS,
            SOURCES,
        ),
        extra=(config, rules, context.parts),
    )
    context.gather(
        cut_passages,
        writes=(CUTS,),
        settings={"units": cut_units(config)},
        reads=(DECISIONS, REPEATED_PASSAGES, DOCUMENTS, SURVIVOR_SCORES, PARTS, SOURCES),
    )


def decide(task: Task, output: Output) -> None:
    """Write DECISIONS and CUTS part by part."""
    config, rules, parts = task.extra
    ledger = _Ledger()
    memory = task.memory_bytes
    for decided in decide_parts(task.folder, config, rules, parts, memory_bytes=memory, scratch=task.scratch):
        ledger.add(decided.part.source, decided.decisions)
        output.table(DECISIONS, decided.decisions.select(DECISIONS.schema().names), part=decided.part.id)
        if decided.cuts.num_rows:
            output.table(CUTS, decided.cuts, part=decided.part.id)
    ledger.write(output)


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
