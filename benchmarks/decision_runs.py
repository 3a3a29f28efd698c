"""Which runs are made: mixtures and seeds by size, written down before they start, and as tables and batches."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from decision_setting import Setting, Size
from decision_train import Batch, read_losses

from midmix.mixer.simplex import F64
from midmix.proxy_train.pool import Run
from midmix.tables import DESIGNS

STAGE = "main"
REPLAY = "replay"
SEEDS_APART = 100  # numbers between two mixtures of one size
SIZES_APART = 1_000_000


@dataclass(frozen=True)
class Planned:
    """One run: its number, the size by name, the mixture by name, the seed, and shares by domain in sorted order."""

    number: int
    size: str
    mixture: str
    seed: int
    weights: tuple[float, ...]


def planned(size: Size, place: int, mixtures: Mapping[str, Sequence[float]], seeds: int) -> list[Planned]:
    """Every mixture with every seed at a size; `place` is that of the size among all, so that numbers differ."""
    return [
        Planned(SIZES_APART * place + SEEDS_APART * number + seed, size.name, name, seed, tuple(map(float, weights)))
        for number, (name, weights) in enumerate(mixtures.items())
        for seed in range(seeds)
    ]


def write_plan(path: Path, domains: Sequence[str], runs: Sequence[Planned]) -> None:
    """Fix the runs, before any of them starts; a plan that is there already stays."""
    if not path.exists():
        rows = [json.dumps(asdict(run)) for run in runs]
        text = '{"domains": ' + json.dumps(list(domains)) + ',\n "runs": [\n' + ",\n".join(rows) + "]}\n"
        partial = path.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)


def read_plan(path: Path) -> tuple[list[str], list[Planned]]:
    """Domains and runs of a plan."""
    plan = json.loads(path.read_text(encoding="utf-8"))
    return plan["domains"], [Planned(**{**run, "weights": tuple(run["weights"])}) for run in plan["runs"]]


def batches(runs: Sequence[Planned], domains: Sequence[str], sizes: Sequence[Size], setting: Setting) -> list[Batch]:
    """The runs in batches of one size, the most expensive size first, so that two processes end together."""
    found = []
    for size in reversed(sizes):
        mine = [run for run in runs if run.size == size.name]
        for first in range(0, len(mine), setting.rows_per_batch):
            rows = mine[first : first + setting.rows_per_batch]
            trained = tuple(
                Run(r.number, r.seed, setting.stream(r.seed), dict(zip(domains, r.weights, strict=True))) for r in rows
            )
            found.append(Batch(f"{size.name}-{rows[0].number}", size, trained))
    return found


def design_table(runs: Sequence[Planned], domains: Sequence[str]) -> pa.Table:
    """The runs as DESIGNS."""
    rows = [
        {
            "run": run.number,
            "role": "control" if run.mixture == REPLAY else "space-filling",
            "stage": STAGE,
            "seed": run.seed,
            "domain": domain,
            "weight": weight,
        }
        for run in runs
        for domain, weight in zip(domains, run.weights, strict=True)
    ]
    return pa.Table.from_pylist(rows, DESIGNS.schema())


def losses_of(out: Path, found: Sequence[Batch]) -> pa.Table:
    """LOSSES of the batches."""
    return pa.concat_tables([read_losses(out, batch) for batch in found])


def values_of(losses: pa.Table, runs: Sequence[Planned], metrics: Sequence[str]) -> F64:
    """Bits per byte [runs, metrics] at the end; NaN where a run has died."""
    rows = losses.filter(pa.compute.equal(losses["unit"], "bits_per_byte")).to_pylist()
    by_run = {(row["run"], row["metric"]): row["value"] for row in rows}
    values = [[by_run[run.number, metric] for metric in metrics] for run in runs]
    return np.array(values, dtype=np.float64).reshape(len(runs), len(metrics))
