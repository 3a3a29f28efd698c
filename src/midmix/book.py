"""The run record: what each step did (STEPS), and where every row went (LEDGER, DROPS)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from midmix.errors import StepError
from midmix.parts import Part
from midmix.record import Record
from midmix.table_files import write_table
from midmix.table_manifest import FileEntry, Manifest, load_manifest, publish
from midmix.tables import DROPS, LEDGER, STEPS, Table


@dataclass
class Book:
    """Collects what steps report and publishes it at the end of each step. `order` is the flow's order of steps."""

    folder: Path
    order: tuple[str, ...]
    rows: list[dict[str, Any]] = field(default_factory=list)
    counts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def add_step_row(self, step: str, item: str, unit: str, part: Part | None, record: Record, *, done: bool) -> None:
        """Note that a unit was done or reused; only work of this run counts as processor time and text read."""
        self.rows.append(
            {
                "step": step,
                "item": item,
                "unit": unit,
                "part": part.id if part else None,
                "fingerprint": record.fingerprint,
                "action": "done" if done else "reused",
                "cpu_seconds": record.cpu_seconds if done else 0.0,
                "text_bytes_read": record.text_bytes_read if done else 0,
            }
        )

    def add_counts(self, step: str, records: list[Record]) -> None:
        """Note what the records of one call say of rows."""
        self.counts.extend((step, count) for record in records for count in record.counts)

    def close_step(self, step: str) -> None:
        """Publish this step's rows of LEDGER, DROPS and STEPS. Raises StepError when rows do not reconcile."""
        ledger, drops = self._totals(step)
        self._replace(LEDGER, step, ledger)
        self._replace(DROPS, step, drops)
        rows = sorted(self.rows, key=lambda r: (self.order.index(r["step"]), r["item"], r["unit"]))
        entry = write_table(self.folder, STEPS, pa.Table.from_pylist(rows, STEPS.schema()), stem="steps")
        publish(self.folder, Manifest(STEPS.name, (entry,)))

    def _totals(self, step: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        ledger: dict[str, dict[str, Any]] = {}
        drops: dict[tuple[str, str], dict[str, Any]] = {}
        for name, count in self.counts:
            if name != step:
                continue
            source = count["source"]
            row = ledger.setdefault(
                source,
                {
                    "step": step,
                    "source": source,
                    "rows_in": 0,
                    "rows_kept": 0,
                    "rows_dropped": 0,
                    "rows_quarantined": 0,
                },
            )
            row["rows_in"] += count["rows_in"]
            row["rows_kept"] += count["kept"]
            row["rows_quarantined"] += count["quarantined"]
            for reason, (documents, num_bytes) in count["dropped"].items():
                row["rows_dropped"] += documents
                empty = {"step": step, "source": source, "reason": reason, "documents": 0, "bytes": 0}
                drop = drops.setdefault((source, reason), empty)
                drop["documents"] += documents
                drop["bytes"] += num_bytes
        for row in ledger.values():
            if row["rows_in"] != row["rows_kept"] + row["rows_dropped"] + row["rows_quarantined"]:
                raise StepError(f"step {step}, source {row['source']}: rows do not reconcile: {row}")
        return [ledger[s] for s in sorted(ledger)], [drops[k] for k in sorted(drops)]

    def _replace(self, table: Table, step: str, rows: list[dict[str, Any]]) -> None:
        kept = {f.unit: f for f in load_manifest(self.folder, table.name).files if f.unit != step}
        if rows:
            data = pa.Table.from_pylist(rows, table.schema())
            kept[step] = write_table(self.folder, table, data, stem=f"{step}/all", unit=step)
        ordered: tuple[FileEntry, ...] = tuple(kept[s] for s in self.order if s in kept)
        publish(self.folder, Manifest(table.name, ordered))
