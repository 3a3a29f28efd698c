"""Weights and evidence of a run that has forgotten a source: those of before, without the domains that are gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from midmix.mixer.plan.allocate import largest_remainder
from midmix.mixer.simplex import WEIGHT_UNITS
from midmix.table_files import read_file, read_table, write_table
from midmix.table_manifest import Manifest, load_manifest, publish
from midmix.tables import EVIDENCE, TOKENS, WEIGHTS, Table


def publish_weights(folder: Path, source: str) -> None:
    """Publish WEIGHTS with the shares of the domains that are left, grown in proportion; EVIDENCE says so.

    `folder` is the run without the source, whose TOKENS are made; its weights may be those of the run that it stands on.
    Work that was done once already changes nothing.
    """
    left = _domains(folder)
    rows = read_table(folder, WEIGHTS).to_pylist()
    kept = [row for row in rows if row["domain"] in left]
    if len(kept) < len(rows):
        _publish(
            folder, WEIGHTS, [row for name in dict.fromkeys(r["mixture"] for r in kept) for row in _grown(kept, name)]
        )
    claims = read_table(folder, EVIDENCE).to_pylist()
    claim = _claim(source, len(kept) < len(rows))
    if claim["claim"] not in {row["claim"] for row in claims}:
        _publish(folder, EVIDENCE, sorted([*claims, claim], key=lambda row: (row["subject"], row["claim"])))


def _domains(folder: Path) -> set[str]:
    """Domains that hold train tokens."""
    found: set[str] = set()
    for path in load_manifest(folder, TOKENS.name).paths(folder):
        rows = read_file(path, ["domain", "split"])
        found |= set(rows.filter(pc.equal(rows["split"], "train"))["domain"].unique().to_pylist())
    return found


def _grown(rows: list[dict[str, Any]], mixture: str) -> list[dict[str, Any]]:
    """Rows of one mixture whose weights sum to 1 again, in units of 1e-6."""
    mine = [row for row in rows if row["mixture"] == mixture]
    units = [round(row["weight"] * WEIGHT_UNITS) for row in mine]
    if not sum(units):
        return []
    scale = WEIGHT_UNITS / sum(units)
    found = []
    for row, unit in zip(mine, largest_remainder(WEIGHT_UNITS, units), strict=True):
        ends = {end: None if row[end] is None else min(1.0, row[end] * scale) for end in ("low", "high")}
        found.append(row | ends | {"weight": unit / WEIGHT_UNITS, "epochs": row["epochs"] * scale})
    return found


def _claim(source: str, changed: bool) -> dict[str, Any]:
    how = "the other shares grew in proportion" if changed else "no domain lost all of its text"
    return {
        "subject": "overall", "claim": f"without:{source}", "verdict": "not supported", "value": None, "low": None,
        "high": None, "unit": None,
        "words": f"source {source} was forgotten after the weights were chosen: {how}, and no run has tried this mixture",
    }  # fmt: skip


def _publish(folder: Path, table: Table, rows: list[dict[str, Any]]) -> None:
    entry = write_table(folder, table, pa.Table.from_pylist(rows, table.schema()), stem="forgotten")
    publish(folder, Manifest(table.name, (entry,), load_manifest(folder, table.name).attached))
