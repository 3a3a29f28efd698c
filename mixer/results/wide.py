"""Results with mixture and losses in one row: CSV, parquet, or JSON lines with objects `weights` and `metrics`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from midmix.config import nearest
from midmix.errors import InputError
from midmix.mixer.results.files import Bad, Record, is_empty, read_records
from midmix.mixer.results.result import METRIC, NAMED, WEIGHT, Result, make_result


@dataclass(frozen=True)
class Known:
    """What a run knows: its domains, the mixtures [run -> domain -> weight] of its design, its evaluation sets."""

    domains: Sequence[str]
    mixtures: Mapping[int, Mapping[str, float]]
    sets: Collection[str]


def read_wide(path: Path, known: Known, defaults: Mapping[str, Any], bad: list[Bad]) -> list[Result]:
    """The results of one file; rows that are none go to `bad`. Raises InputError when the columns cannot be told apart."""
    results = []
    for record in read_records(path, bad):
        weights = _prefixed(record, WEIGHT)
        for domain in weights:
            if domain not in known.domains:
                raise InputError(
                    f"{record.place}: column weight:{domain} names no domain of the run{nearest(domain, known.domains)} "
                    f"(its domains: {', '.join(known.domains)})"
                )
        try:
            shares = weights if any(not is_empty(v) for v in weights.values()) else _by_number(record, known)
            results.append(make_result(record, shares, _metrics(record, known), defaults))
        except ValueError as error:
            bad.append(Bad(record.place, str(error)))
    return results


def _prefixed(record: Record, prefixes: tuple[str, ...]) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): value
        for name, value in record.values.items()
        for prefix in prefixes
        if name.startswith(prefix)
    }


def _by_number(record: Record, known: Known) -> Mapping[str, float]:
    """The mixture of the design's run that the row names. Raises ValueError where it names none."""
    run = record.values.get("run")
    if is_empty(run):
        raise ValueError("has no mixture: give columns weight:DOMAIN, or 'run', a run of the design")
    found = next((mixture for number, mixture in known.mixtures.items() if str(number) == str(run).strip()), None)
    if found is None:
        raise ValueError(f"run {run} is none of the design's, which are 0 to {max(known.mixtures, default=-1)}")
    return found


def _metrics(record: Record, known: Known) -> dict[str, Any]:
    """Metrics as LOSSES names them: set:NAME and domain:NAME stay, a known set's bare name is meant as set:NAME."""
    named = {name: value for name, value in record.values.items() if name.startswith(NAMED)}
    for name, value in _prefixed(record, METRIC).items():
        named[name if name.startswith(NAMED) else f"set:{name}"] = value
    named |= {f"set:{name}": value for name, value in record.values.items() if name in known.sets}
    return named
