"""The verdict on every document, part by part: rules and leaks first, then survivors among those that passed.

It reads tables alone, never text. Memory is bounded by one part's columns and by one range of pairs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather

from midmix.config import Config
from midmix.curation.decide.cuts import cuts_of_part
from midmix.curation.decide.decisions import decisions_of_part
from midmix.curation.decide.duplicates import DuplicatePairs, choose, load_pairs, number_sources, repeats_of_part
from midmix.curation.decide.judged import JudgedParts
from midmix.curation.decide.leaks import LeakPolicies, mask_cuts
from midmix.curation.decide.past import PastCopies
from midmix.curation.decide.resolve import RulesByKind
from midmix.curation.decide.sql import fired_sql
from midmix.curation.dedup.exchange import Workspace
from midmix.errors import ConfigError, StepError
from midmix.parts import Part, document_keys
from midmix.table_manifest import load_manifest
from midmix.tables import DOCUMENTS, PAIRS, PARTS, SEMANTIC_PAIRS, SOURCES, SURVIVOR_SCORES


@dataclass(frozen=True)
class Decided:
    """One part: the columns of DECISIONS with source and num_bytes beside them, and rows of CUTS, both by key."""

    part: Part
    decisions: pa.Table
    cuts: pa.Table


def decide_parts(
    folder: Path,
    config: Config,
    rules: RulesByKind,
    parts: Sequence[Part],
    *,
    memory_bytes: int,
    scratch: Path,
) -> Iterator[Decided]:
    """Every part with documents, one after the other.

    Raises StepError when a document lacks a score.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    tables = (PAIRS, SEMANTIC_PAIRS, DOCUMENTS, PARTS, SOURCES, SURVIVOR_SCORES)
    files = {table.name: load_manifest(folder, table.name).paths(folder) for table in tables}
    with (
        tempfile.TemporaryDirectory(prefix="decide-", dir=scratch) as name,
        JudgedParts(folder, config, memory_bytes=memory_bytes // 2, scratch=scratch) as judged,
    ):
        work = Workspace(Path(name), memory_bytes // 4)
        pairs = load_pairs(
            (*files[PAIRS.name], *files[SEMANTIC_PAIRS.name]), 1 + max((part.id for part in parts), default=0), work
        )
        verdicts = _Verdicts(judged, LeakPolicies(folder, config), PastCopies(folder), work.folder, rules)
        passed = work.array("passed", np.bool_, len(pairs.documents))
        for part in parts:
            verdicts.judge(part, pairs, passed)
        sources = number_sources(config, parts)
        survivors = choose(judged.connection, config, sources, pairs, passed, files, work)
        for part in parts:
            decided = verdicts.decide(part, repeats_of_part(pairs, survivors, part.id))
            if decided is not None:
                yield decided


class _Verdicts:
    """Verdicts of one part at a time: first by rules and leaks, kept on disk; then with what repeats what."""

    def __init__(
        self, judged: JudgedParts, leaks: LeakPolicies, past: PastCopies, scratch: Path, rules: RulesByKind
    ) -> None:
        self._judged, self._leaks, self._past, self._scratch = judged, leaks, past, scratch
        self._rules = rules

    def judge(self, part: Part, pairs: DuplicatePairs, passed: npt.NDArray[np.bool_]) -> None:
        """Evaluate the rules; set `passed` of those documents with a pair that nothing speaks against."""
        kinds = self._judged.kinds(part)
        rules = {kind: chosen for kind, chosen in self._rules.items() if kind in kinds}
        sql = fired_sql(rules)
        if not self._judged.show(part.id, sql):
            return
        try:
            fired = self._judged.table(sql)
        except duckdb.Error:
            self._blame(rules)
            raise
        self._check(part, fired)
        pa.feather.write_feather(fired, self._file(part), compression="uncompressed")
        keys = fired.column("doc").to_numpy()
        clear = pc.equal(pc.list_value_length(fired.column("fired")), 0).to_numpy()
        leaked = self._leaked(part, self._leaks.of_part(part.id)["drop"])
        clear &= ~np.isin(keys, leaked.column("doc").to_numpy())
        first, last = pairs.span(part.id)
        passed[first:last] = clear[np.searchsorted(keys, pairs.documents[first:last])]

    def _blame(self, rules: RulesByKind) -> None:
        """Raise ConfigError that names the config's own rule that cannot be evaluated, where it is one."""
        for rule in {rule.full_name: rule for chosen in rules.values() for rule in chosen}.values():
            if rule.source == "config":
                try:
                    self._judged.table(f"SELECT count({rule.value_sql}) FROM judged")
                except duckdb.Error as fault:
                    raise ConfigError(
                        f"config: 'rule_sets.{rule.full_name}' cannot be evaluated on a document: "
                        f"{str(fault).splitlines()[0][:300]}. Where a value may not fit, write TRY_CAST or a CASE."
                    ) from None

    def decide(self, part: Part, repeats: pa.Table) -> Decided | None:
        """The verdicts on a part; None where it has no documents."""
        if not self._judged.document_files(part.id):
            return None
        leaks = self._leaks.of_part(part.id)
        fired = pa.feather.read_table(self._file(part))
        decisions = decisions_of_part(fired, self._leaked(part, leaks["drop"]), repeats)
        return Decided(part, decisions, cuts_of_part(decisions, mask_cuts(leaks["mask"])))

    def _leaked(self, part: Part, leaks: pa.Table) -> pa.Table:
        """Rows (doc, reason) of documents that no survivor may stand in for: leaks to be dropped, copies of the past."""
        return pa.concat_tables([leaks.select(["doc", "reason"]), self._past.of_part(part.id)])

    def _check(self, part: Part, fired: pa.Table) -> None:
        keys = document_keys(self._judged.document_files(part.id))
        if not np.array_equal(fired.column("doc").to_numpy(), keys):
            raise StepError(
                f"part {part.id}: {len(keys)} documents got {fired.num_rows} verdicts, and each must get one. "
                f"Run the steps from 'score' again with --rerun."
            )

    def _file(self, part: Part) -> Path:
        return self._scratch / f"{part.item}.arrow"
