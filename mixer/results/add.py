"""Runs made elsewhere, taken into a run: DESIGNS and LOSSES grow by files of their own, which no step overwrites.

Killed at any moment, the same call finishes it; made twice, it changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from midmix.artifact import read_table
from midmix.mixer.results.files import Bad
from midmix.mixer.results.held import Held
from midmix.mixer.results.result import Result
from midmix.mixer.results.wide import Known, read_wide
from midmix.run import Run, open_run
from midmix.tables import DESIGNS
from midmix.tables.mixture import OUTSIDE
from midmix.writer import only_writer

FITTED_UNIT = "bits_per_byte"  # losses per token depend on the tokenizer, those per byte compare
SAID = 5e-7  # weights that sum to 1 but for the last printed digit are not worth a word


@dataclass(frozen=True)
class Added:
    """What came of it: rows that were new, that added to a run, that were known; rows left out.

    `renormalised` are sums of weights that were not 1, `other_unit` counts rows in a unit that the fit does not read.
    """

    rows: Counter[str]
    renormalised: tuple[float, ...]
    other_unit: int
    bad: tuple[Bad, ...]


def add_results(
    folder: Path, files: Sequence[Path], *, origin: str, defaults: Mapping[str, Any], replace: bool = False
) -> Added:
    """Take the results in `files` into the run. A run is known by its origin and name.

    `replace` lets the files' runs take the place of those of the same origin and name. Raises InputError when a file
    cannot be read, or a column names no domain; the run is then as it was.
    """
    run = open_run(folder)
    with only_writer(folder):
        known, bad = what_is_known(run), list[Bad]()
        results = [result for path in files for result in read_wide(path, known, defaults, bad)]
        held, rows = Held.of(folder), Counter[str]()
        if replace:
            held.forget(origin, {result.name for result in results})
        taken: list[Result] = []
        for result in results:
            try:
                rows[held.take(result, origin, known.domains)] += 1
                taken.append(result)
            except ValueError as error:
                bad.append(Bad(result.place, str(error)))
        held.publish(folder)
    totals = tuple(result.total for result in taken if abs(result.total - 1) > SAID)
    return Added(rows, totals, sum(result.unit != FITTED_UNIT for result in taken), tuple(bad))


def what_is_known(run: Run) -> Known:
    """Domains and mixtures of the run's design (the config's domains before there is one), and its evaluation sets."""
    mixtures: dict[int, dict[str, float]] = {}
    for row in read_table(run.folder, DESIGNS).to_pylist():
        if row["role"] != OUTSIDE:
            mixtures.setdefault(row["run"], {})[row["domain"]] = row["weight"]
    domains = sorted({domain for mixture in mixtures.values() for domain in mixture})
    return Known(domains or [*run.config.sources, *run.config.domains], mixtures, run.config.evaluation_sets.keys())
