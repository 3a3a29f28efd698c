"""The runs of a design, as jobs are made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from midmix.errors import InputError
from midmix.table_files import read_table
from midmix.tables import DESIGNS
from midmix.tables.mixture import CANDIDATE_ROLES, OUTSIDE


@dataclass(frozen=True)
class DesignedRun:
    """A run of DESIGNS. `weights` are its shares above 0 by domain, `pools` the parts of a domain's text that it may draw from.

    `beyond_caps` is whether it may read a domain more often than allowed. Candidates and their replicates may not; references,
    ablations and micro-anneals are tried as they were asked for.
    """

    run: int
    role: str
    seed: int
    weights: dict[str, float] = field(default_factory=dict)
    pools: dict[str, float] = field(default_factory=dict)
    beyond_caps: bool = False


def read_runs(folder: Path) -> list[DesignedRun]:
    """Every run of the design by number, those made elsewhere left out. Raises InputError where there is none."""
    runs: dict[int, DesignedRun] = {}
    for row in read_table(folder, DESIGNS).to_pylist():
        if row["role"] == OUTSIDE:
            continue
        run = runs.setdefault(row["run"], DesignedRun(row["run"], row["role"], row["seed"]))
        if row["weight"] > 0:
            run.weights[row["domain"]] = row["weight"]
            if row["pool"] is not None:
                run.pools[row["domain"]] = row["pool"]
    if not runs:
        raise InputError(
            f"{folder}: no design, so there is nothing to make jobs of. Run `midmix design {folder}` first."
        )
    candidates = [run.weights for run in runs.values() if run.role in CANDIDATE_ROLES]
    return [replace(runs[number], beyond_caps=not _is_capped(runs[number], candidates)) for number in sorted(runs)]


def _is_capped(run: DesignedRun, candidates: Sequence[Mapping[str, float]]) -> bool:
    return run.role in CANDIDATE_ROLES or (run.role == "replicate" and run.weights in candidates)


def pool_key(pools: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """What runs share that draw from the same parts of the text."""
    return tuple(sorted(pools.items()))
