"""Results of lm-evaluation-harness: `results.<task>["<metric>,<filter>"]`, groups and error bars left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from midmix.mixer.results.files import Bad, Place, number

PATTERN = "results*.json"
BITS, ERROR_RATE = "bits_per_byte", "error_rate"


def read_lm_eval(folder: Path, bad: list[Bad]) -> dict[str, dict[str, float]]:
    """Losses by unit and metric of every file below a job's folder; of two of one task that of the later name holds.

    bits_per_byte of a task is set:TASK. What is better when higher and lies from 0 to 1 is kept as 1 less it: the
    error_rate of set:TASK/METRIC, with its filter where it has one. Files and values that are no results go to `bad`.
    """
    found: dict[str, dict[str, float]] = {BITS: {}, ERROR_RATE: {}}
    for path in sorted(folder.rglob(PATTERN), key=lambda path: (path.name, str(path))):
        place = Place(path, 0)
        try:
            values = _read(path)
        except (OSError, ValueError) as error:
            bad.append(Bad(place, f"is no file of results: {error}"))
            continue
        for task, metric, filter_, value, higher in _cells(values):
            name = f"set:{task}/{metric}" + ("" if filter_ == "none" else f",{filter_}")
            try:
                if metric == BITS:
                    found[BITS][f"set:{task}"] = number(value, metric)
                elif higher:
                    found[ERROR_RATE][name] = 1 - _share(value, metric)
            except ValueError as error:
                bad.append(Bad(place, f"{task}: {error}"))
    return {unit: losses for unit, losses in found.items() if losses}


def _read(path: Path) -> dict[str, Any]:
    """The file's object. Raises ValueError where it is none, or was made with a limit."""
    values = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict) or not isinstance(values.get("results"), dict):
        raise ValueError("has no object 'results'")
    limit = _object(values, "config").get("limit")
    if limit is not None:
        raise ValueError(f"was made with --limit {limit}, so it is not comparable; evaluate without")
    return values


def _cells(values: dict[str, Any]) -> Iterator[tuple[str, str, str, Any, bool]]:
    """(task, metric, filter, value, whether higher is better) of every metric of every task that is no group."""
    groups, better = _object(values, "groups"), _object(values, "higher_is_better")
    for task, cells in values["results"].items():
        if task in groups or not isinstance(cells, dict):
            continue
        for name, value in cells.items():
            metric, comma, filter_ = name.partition(",")
            if comma and not metric.endswith("_stderr"):
                yield task, metric, filter_, value, _object(better, task).get(metric) is True


def _object(values: dict[str, Any], name: str) -> dict[str, Any]:
    found = values.get(name)
    return found if isinstance(found, dict) else {}


def _share(value: Any, metric: str) -> float:
    share = number(value, metric)
    if not 0 <= share <= 1:
        raise ValueError(f"{metric} is {share:g}, expected a share from 0 to 1")
    return share
