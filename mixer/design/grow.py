"""Runs added to a design that is there: ablations, sequential runs and micro-anneals, under numbers of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from midmix.mixer.design.step import STAGE
from midmix.mixer.simplex import F64
from midmix.table_files import publish_unit, read_table, read_unit
from midmix.tables import DESIGNS
from midmix.tables.mixture import ADDED, ADDED_TOGETHER, FIRST_ADDED, OUTSIDE

SAME_WEIGHT = 5e-7  # half the unit that stored weights are rounded to


@dataclass(frozen=True)
class NewRun:
    """A run to add: seed, weights [k], and for micro-anneals what they try and the share [k] of each domain's text drawn from."""

    seed: int
    weights: F64
    candidate: str | None = None
    pools: F64 | None = None

    def repeats(self, other: NewRun) -> bool:
        """Whether it is the same run: seed, mixture, candidate and pools."""
        mine, theirs = (np.ones(len(run.weights)) if run.pools is None else run.pools for run in (self, other))
        return (
            (self.seed, self.candidate) == (other.seed, other.candidate)
            and bool(np.abs(self.weights - other.weights).max() < SAME_WEIGHT)
            and bool(np.array_equal(mine, theirs))
        )


def add_runs(folder: Path, role: str, runs: Sequence[NewRun], domains: Sequence[str]) -> list[int]:
    """Add runs over `domains` to DESIGNS, and return their numbers; the caller holds the run's lock.

    What the design has already keeps its number. No step overwrites what is added.
    """
    added: list[dict[str, Any]] = read_unit(folder, DESIGNS, ADDED).to_pylist()
    known = _known(folder, domains)
    last = max((row["run"] for row in added), default=FIRST_ADDED - 1)
    free = (last // ADDED_TOGETHER + 1) * ADDED_TOGETHER
    numbers = []
    for run in runs:
        number = next((n for n, other in known.items() if run.repeats(other)), free)
        if number == free:
            free += 1
            known[number] = run
            added += _rows(number, role, run, domains)
        numbers.append(number)
    publish_unit(folder, DESIGNS, ADDED, pa.Table.from_pylist(added, DESIGNS.schema()))
    return numbers


def _rows(number: int, role: str, run: NewRun, domains: Sequence[str]) -> list[dict[str, Any]]:
    pools = [1.0] * len(domains) if run.pools is None else run.pools.tolist()
    fixed = {"run": number, "role": role, "stage": STAGE, "seed": run.seed, "candidate": run.candidate}
    return [
        fixed | {"domain": domain, "weight": float(weight), "pool": None if pool == 1.0 else pool}
        for domain, weight, pool in zip(domains, run.weights, pools, strict=True)
    ]


def _known(folder: Path, domains: Sequence[str]) -> dict[int, NewRun]:
    """Every run of the design, those made elsewhere left out: nobody here trains them."""
    place = {domain: j for j, domain in enumerate(domains)}
    known: dict[int, NewRun] = {}
    for row in read_table(folder, DESIGNS).to_pylist():
        if row["role"] != OUTSIDE and row["domain"] in place:
            blank = NewRun(row["seed"], np.zeros(len(domains)), row["candidate"], np.ones(len(domains)))
            run = known.setdefault(row["run"], blank)
            run.weights[place[row["domain"]]] = row["weight"]
            if row["pool"] is not None and run.pools is not None:
                run.pools[place[row["domain"]]] = row["pool"]
    return known
