"""A fit without a run folder: pairs of files with mixtures and losses -> designs, losses, laws and predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from midmix.errors import InputError
from midmix.mixer.fit.heldout import MIN_MIXTURES
from midmix.mixer.fit.laws_table import fit_laws
from midmix.mixer.fit.scales import by_scale
from midmix.mixer.fit.step import in_key_order
from midmix.mixer.fit.swarm import Swarm, read_swarm
from midmix.mixer.results.files import Bad
from midmix.mixer.results.pairs import read_pair
from midmix.mixer.results.result import Result
from midmix.mixer.results.tables import design_rows, loss_rows
from midmix.table_files import sweep, write_table
from midmix.table_manifest import Manifest, publish
from midmix.tables import DESIGNS, LAWS, LOSSES, PREDICTIONS, Table

ORIGIN = "given"
SEPARATORS = "/_:.- "


@dataclass(frozen=True)
class Pair:
    """Mixtures and losses of the runs of one scale, joined by their index; `defaults` for columns that they lack."""

    mixtures: Path
    losses: Path
    defaults: Mapping[str, Any]


@dataclass(frozen=True)
class Files:
    """What the files hold: the runs by scale, as tables, and the rows that were left out.

    `totals` are the sums of those weights that had to be normalised.
    """

    swarm: Swarm
    designs: pa.Table
    losses: pa.Table
    totals: tuple[float, ...]
    bad: tuple[Bad, ...]


def read_files(pairs: Sequence[Pair], unit: str) -> Files:
    """The runs of all pairs as one swarm. Raises InputError when a file cannot be read, or too few runs are left."""
    bad: list[Bad] = []
    results: list[Result] = []
    for number, pair in enumerate(pairs):
        found = read_pair(pair.mixtures, pair.losses, {**pair.defaults, "unit": unit}, bad)
        # Two tables may number their runs alike.
        results += found if len(pairs) == 1 else [replace(r, name=f"{number}:{r.name}") for r in found]
    domains = list(dict.fromkeys(domain for result in results for domain in result.weights))
    runs = {result.name: i for i, result in enumerate(results)}
    designs = in_key_order(DESIGNS, design_rows(runs, results, domains))
    losses = in_key_order(LOSSES, loss_rows(runs, results, ORIGIN))
    swarm = read_swarm(designs, losses, domains, unit)
    if swarm.num_mixtures < MIN_MIXTURES:
        first = f"; left out first: {bad[0]}" if bad else ""
        raise InputError(
            f"{pairs[0].mixtures}: {swarm.num_mixtures} mixtures with losses, expected {MIN_MIXTURES} or more{first}"
        )
    totals = tuple(result.total for result in results if abs(result.total - 1) > 1e-9)
    own = own_domains(swarm.metrics, domains)
    return Files(replace(swarm, own=own), designs, losses, totals, tuple(bad))


def own_domains(metrics: Sequence[str], domains: Sequence[str]) -> dict[str, str]:
    """Metric -> the domain of the same name, but for what all metrics and all domains have before and after it."""
    by_stem = dict(zip(stems(domains), domains, strict=True))
    return {m: by_stem[stem] for m, stem in zip(metrics, stems(metrics), strict=True) if stem in by_stem}


def stems(names: Sequence[str]) -> list[str]:
    """Names without the whole words that all of them begin and end with."""
    if len(names) < 2:
        return list(names)
    cut = _shared(names)
    end = _shared([name[cut:][::-1] for name in names])
    return [name[cut : len(name) - end] for name in names]


def _shared(names: Sequence[str]) -> int:
    """Characters up to and with the last separator that all names begin with."""
    first, last = min(names), max(names)  # what these two share, all between them do
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return max(first.rfind(separator, 0, same) for separator in SEPARATORS) + 1


def fit_files(files: Files) -> tuple[pa.Table, pa.Table]:
    """LAWS and PREDICTIONS of all metrics."""
    fitted = [fit_laws(part) for part in by_scale(files.swarm)]
    laws, predictions = ([row for found in fitted for row in found[which]] for which in (0, 1))
    return in_key_order(LAWS, laws), in_key_order(PREDICTIONS, predictions)


def write_files(folder: Path, tables: Mapping[Table, pa.Table]) -> list[Path]:
    """Write tables as those of a run are written, with their manifests; what an earlier fit left there goes.

    Returns the parquet files. Raises InputError when the folder holds anything but an earlier fit.
    """
    if folder.exists() and {path.name for path in folder.iterdir()} - {"tables", "data", "scratch"}:
        raise InputError(f"{folder}: holds other files. Give --out a new or empty folder, or that of an earlier fit.")
    entries = {table: write_table(folder, table, data, stem=table.name) for table, data in tables.items()}
    for table, entry in entries.items():
        publish(folder, Manifest(table.name, (entry,)))
    sweep(folder, {entry.path for entry in entries.values()})
    return [folder / entry.path for entry in entries.values()]
