"""The runs made elsewhere that a run folder holds, growing in memory until they are published."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from midmix.mixer.results.result import Result
from midmix.mixer.results.tables import Row, design_rows, loss_key, loss_rows
from midmix.table_files import publish_unit, read_unit
from midmix.table_manifest import Manifest, is_made, publish
from midmix.tables import DESIGNS, LOSSES, PROXIES, Table
from midmix.tables.mixture import FIRST_OUTSIDE, OUTSIDE

SAME_VALUE = 1e-9  # relative: a loss that was printed and read again
NEW, GROWN, KNOWN = "new", "grown", "known"
FIELDS = ("shape", "parameters", "seed")


@dataclass
class Held:
    """Rows of DESIGNS by (run, domain) and of LOSSES by key, all of runs made elsewhere; one row of each run by its name."""

    designs: dict[tuple[int, str], Row] = field(default_factory=dict)
    losses: dict[tuple[Any, ...], Row] = field(default_factory=dict)
    known: dict[tuple[str, str], Row] = field(init=False)
    free: int = field(init=False)

    def __post_init__(self) -> None:
        self._look_up()

    @staticmethod
    def of(folder: Path) -> Held:
        """What earlier calls published. Mixtures without losses, which a killed call leaves, are not taken up."""
        losses = {loss_key(row): row for row in _rows(folder, LOSSES)}
        runs = {row["run"] for row in losses.values()}
        designs = {(row["run"], row["domain"]): row for row in _rows(folder, DESIGNS) if row["run"] in runs}
        return Held(designs, losses)

    def forget(self, origin: str, names: Collection[str]) -> None:
        """Leave out the runs of an origin that have these names."""
        gone = {r["run"] for r in self.losses.values() if r["origin"] == origin and r["name"] in names}
        self.designs = {key: row for key, row in self.designs.items() if row["run"] not in gone}
        self.losses = {key: row for key, row in self.losses.items() if row["run"] not in gone}
        self._look_up()

    def take(self, result: Result, origin: str, domains: Sequence[str]) -> str:
        """Take a result in: new, grown (of a run that is there) or known. Raises ValueError where it contradicts one."""
        before = self.known.get((origin, result.name))
        run = before["run"] if before else self.free
        designs = design_rows({result.name: run}, [result], domains)
        losses = loss_rows({result.name: run}, [result], origin)
        if before:
            self._refuse_change(result, before, designs)
        for row in losses:
            there = self.losses.get(loss_key(row))
            if there and not math.isclose(there["value"], row["value"], rel_tol=SAME_VALUE):
                raise ValueError(
                    f"run {result.name}: {row['metric']} is {row['value']:g}, but {there['value']:g} is there at that step"
                )
        fresh = {loss_key(row): row for row in losses if loss_key(row) not in self.losses}
        self.losses.update(fresh)
        if before:
            return GROWN if fresh else KNOWN
        self.designs.update({(row["run"], row["domain"]): row for row in designs})
        self.known[origin, result.name] = losses[0]
        self.free += 1
        return NEW

    def _look_up(self) -> None:
        self.known = {(row["origin"], row["name"]): row for row in self.losses.values()}
        self.free = max((row["run"] for row in self.losses.values()), default=FIRST_OUTSIDE - 1) + 1

    def _refuse_change(self, result: Result, before: Row, designs: Sequence[Row]) -> None:
        for name in FIELDS:
            if before[name] != getattr(result, name):
                raise ValueError(f"run {result.name}: {name} is {getattr(result, name)}, but {before[name]} is there")
        for row in designs:
            held = self.designs.get((row["run"], row["domain"]))
            weight = held["weight"] if held else 0.0
            if abs(weight - row["weight"]) > 1e-6:
                raise ValueError(
                    f"run {result.name}: the weight of {row['domain']} is {row['weight']:.6f}, but {weight:.6f} is there"
                )

    def publish(self, folder: Path) -> None:
        """Write both tables' parts. DESIGNS first: a mixture without losses counts for nothing, a loss without one would.

        With them the run can be fitted without proxies of its own, of which PROXIES then has none.
        """
        _grow(folder, DESIGNS, [self.designs[key] for key in sorted(self.designs)])
        if not is_made(folder, PROXIES.name):
            publish(folder, Manifest(PROXIES.name))
        _grow(folder, LOSSES, [self.losses[key] for key in sorted(self.losses)])


def _rows(folder: Path, table: Table) -> list[Row]:
    rows: list[Row] = read_unit(folder, table, OUTSIDE).to_pylist()
    return rows


def _grow(folder: Path, table: Table, rows: list[Row]) -> None:
    publish_unit(folder, table, OUTSIDE, pa.Table.from_pylist(rows, table.schema()))
