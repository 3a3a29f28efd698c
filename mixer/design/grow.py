"""Runs added to a design that is there: ablations and sequential runs, under numbers of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from midmix.artifact import publish_unit, read_table, read_unit
from midmix.mixer.design.step import STAGE
from midmix.mixer.simplex import F64
from midmix.tables import DESIGNS
from midmix.tables.mixture import ADDED, FIRST_ADDED, OUTSIDE

SAME_WEIGHT = 5e-7  # half the unit that stored weights are rounded to


def add_runs(folder: Path, role: str, runs: Sequence[tuple[int, F64]], domains: Sequence[str]) -> list[int]:
    """Add runs (seed, weights [k] over `domains`) to DESIGNS, and return their numbers; the caller holds the run's lock.

    What the design has already, with the same seed and weights, keeps its number. No step overwrites what is added.
    """
    added: list[dict[str, Any]] = read_unit(folder, DESIGNS, ADDED).to_pylist()
    known = _known(folder, domains)
    free = max((row["run"] for row in added), default=FIRST_ADDED - 1) + 1
    numbers = []
    for seed, weights in runs:
        same = (n for n, (s, w) in known.items() if s == seed and np.abs(w - weights).max() < SAME_WEIGHT)
        number = next(same, free)
        if number == free:
            free += 1
            known[number] = (seed, weights)
            added += [
                {"run": number, "role": role, "stage": STAGE, "seed": seed, "domain": domain, "weight": float(weight)}
                for domain, weight in zip(domains, weights, strict=True)
            ]
        numbers.append(number)
    publish_unit(folder, DESIGNS, ADDED, pa.Table.from_pylist(added, DESIGNS.schema()))
    return numbers


def _known(folder: Path, domains: Sequence[str]) -> dict[int, tuple[int, F64]]:
    """Seed and weights [k] of every run of the design, those made elsewhere left out: nobody here trains them."""
    place = {domain: j for j, domain in enumerate(domains)}
    known: dict[int, tuple[int, F64]] = {}
    for row in read_table(folder, DESIGNS).to_pylist():
        if row["role"] != OUTSIDE and row["domain"] in place:
            known.setdefault(row["run"], (row["seed"], np.zeros(len(domains))))[1][place[row["domain"]]] = row["weight"]
    return known
