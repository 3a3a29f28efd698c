"""Runs made elsewhere, taken into a run: DESIGNS and LOSSES grow by files of their own, which no step overwrites.

Killed at any moment, the same call finishes it; made twice, it changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from midmix.errors import InputError
from midmix.mixer.results.files import Bad
from midmix.mixer.results.held import GROWN, NEW, Held
from midmix.mixer.results.jobs import jobs_file, read_jobs
from midmix.mixer.results.result import Result
from midmix.mixer.results.wide import Known, read_wide
from midmix.run import Run, open_run
from midmix.table_files import read_table
from midmix.tables import DESIGNS
from midmix.tables.mixture import OUTSIDE
from midmix.writer import only_writer

FITTED_UNIT = "bits_per_byte"  # losses per token depend on the tokenizer, those per byte compare
SAID = 5e-7  # weights that sum to 1 but for the last printed digit are not worth a word


@dataclass(frozen=True)
class Added:
    """What came of it: rows that were new, that added to a run, that were known; rows left out.

    `renormalised` are sums of weights that were not 1, `other_unit` counts rows of runs that have none in the unit that the
    fit reads.
    """

    rows: Counter[str]
    renormalised: tuple[float, ...]
    other_unit: int
    bad: tuple[Bad, ...]


def add_results(
    folder: Path, files: Sequence[Path], *, origin: str | None, defaults: Mapping[str, Any], replace: bool = False
) -> Added:
    """Take the results in `files` into the run: files of rows, and folders of jobs. A run is known by its origin and name.

    Without `origin` it is the trainer of a folder of jobs, `outside` for files. `replace` lets the files' runs take the
    place of those of the same origin and name. Raises InputError when a file cannot be read, or names no domain of the
    run; the run is then as it was.
    """
    run = open_run(folder)
    with only_writer(folder):
        known, bad = what_is_known(run), list[Bad]()
        results = [found for path in files for found in _read(path, origin, known, defaults, bad)]
        held, rows = Held.of(folder), Counter[str]()
        if replace:
            for by in {by for by, _ in results}:
                held.forget(by, {result.name for other, result in results if other == by})
        taken: list[Result] = []
        fresh: set[tuple[str, str, int]] = set()
        for by, result in results:
            try:
                came = held.take(result, by, known.domains)
            except ValueError as error:
                bad.append(Bad(result.place, str(error)))
                continue
            taken.append(result)
            step = by, result.name, result.step
            if came == NEW:
                fresh.add(step)
            if came != GROWN or step not in fresh:  # another unit of a result that has just come in is none of its own
                rows[came] += 1
        held.publish(folder)
    totals = tuple(result.total for result in taken if abs(result.total - 1) > SAID)
    fitted = {(result.name, result.step) for result in taken if result.unit == FITTED_UNIT}
    other_unit = sum((result.name, result.step) not in fitted for result in taken)
    return Added(rows, totals, other_unit, tuple(bad))


def _read(
    path: Path, origin: str | None, known: Known, defaults: Mapping[str, Any], bad: list[Bad]
) -> list[tuple[str, Result]]:
    """The results of one file or folder of jobs, each with its origin."""
    file = jobs_file(path)
    if file is None:
        return [(origin or OUTSIDE, result) for result in read_wide(path, known, defaults, bad)]
    trainer, results = read_jobs(file, defaults, bad)
    for result in results:
        strange = sorted(result.weights.keys() - set(known.domains))
        if strange:
            raise InputError(
                f"{file}: trains on {', '.join(strange)}, no domain of this run ({', '.join(known.domains)})"
            )
    return [(origin or trainer, result) for result in results]


def what_is_known(run: Run) -> Known:
    """Domains and mixtures of the run's design (the config's domains before there is one), and its evaluation sets."""
    mixtures: dict[int, dict[str, float]] = {}
    for row in read_table(run.folder, DESIGNS).to_pylist():
        if row["role"] != OUTSIDE:
            mixtures.setdefault(row["run"], {})[row["domain"]] = row["weight"]
    domains = sorted({domain for mixture in mixtures.values() for domain in mixture})
    return Known(domains or [*run.config.sources, *run.config.domains], mixtures, run.config.evaluation_sets.keys())
