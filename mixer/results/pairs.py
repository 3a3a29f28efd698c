"""Results in two tables, as RegMix publishes them: mixtures by run, and losses by run, joined by an index column.

One table may be both, where its columns are marked as `results add` wants them: weight:DOMAIN, set:NAME, metric:NAME.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from midmix.errors import InputError
from midmix.mixer.results.files import Bad, Record, is_empty, read_records
from midmix.mixer.results.result import FIELDS, METRIC, NAMED, WEIGHT, Result, make_result

INDEX = ("index", "run", "name")


def read_pair(mixtures: Path, losses: Path, defaults: Mapping[str, Any], bad: list[Bad]) -> list[Result]:
    """The runs that both files have, in the order of the mixtures. All columns that are no field are weights or metrics.

    Rows that are no result go to `bad`. Raises InputError where a file has no index column or nothing beside it.
    """
    left, right = (_by_index(path, bad) for path in (mixtures, losses))
    results = []
    for index, record in left.items():
        if index not in right:
            bad.append(Bad(record.place, f"run {index} has no losses in {losses}"))
            continue
        weights, metrics = _cells(record, WEIGHT), _cells(right[index], (*METRIC, *NAMED))
        fields = Record(record.place, {**_fields(right[index]), **_fields(record), "name": index})
        try:
            results.append(make_result(fields, weights, metrics, defaults))
        except ValueError as error:
            bad.append(Bad(_guilty(record, right[index], error), f"run {index}: {error}"))
    for index, record in right.items():
        if index not in left:
            bad.append(Bad(record.place, f"run {index} has no mixture in {mixtures}"))
    return results


def _cells(record: Record, prefixes: tuple[str, ...]) -> dict[str, Any]:
    """The columns that begin with one of the prefixes; all that are no field where none does."""
    marked = {name: value for name, value in record.values.items() if name.startswith(prefixes)}
    if not marked:
        return {name: value for name, value in record.values.items() if name not in FIELDS}
    return {name if name.startswith(NAMED) else name.partition(":")[2]: value for name, value in marked.items()}


def _fields(record: Record) -> dict[str, Any]:
    return {name: value for name, value in record.values.items() if name in FIELDS}


def _guilty(mixture: Record, losses: Record, error: ValueError) -> Any:
    """The line to look at: that of the losses where a metric is wrong."""
    wrong = any(name not in FIELDS and str(error).startswith(f"{name} is") for name in losses.values)
    return losses.place if wrong or "has no metric" in str(error) else mixture.place


def _by_index(path: Path, bad: list[Bad]) -> dict[str, Record]:
    found: dict[str, Record] = {}
    records = read_records(path, bad)
    column = _index_column(path, records)
    twice: set[str] = set()
    for record in records:
        if is_empty(record.values.get(column)):
            bad.append(Bad(record.place, f"has no {column}, which says what run it is of"))
            continue
        index = str(record.values[column]).strip()
        if index in found:
            bad.append(
                Bad(
                    record.place,
                    f"run {index} stands here again (first in line {found[index].place.line}); both are left out",
                )
            )
            twice.add(index)
        else:
            found[index] = record
    for index in twice:
        bad.append(Bad(found[index].place, f"run {index} stands in the file more than once; all are left out"))
    return {index: record for index, record in found.items() if index not in twice}


def _index_column(path: Path, records: Sequence[Record]) -> str:
    columns = list(records[0].values) if records else []
    for name in INDEX:
        if name in columns:
            return name
    raise InputError(
        f"{path}: {'columns ' + ', '.join(columns[:4]) + ' …' if columns else 'no row'}, expected a column 'index', 'run' or "
        f"'name' that says which run a row is of. Add one to both files."
    )
