"""The log that Megatron prints: ` iteration N/ M | name: value | …`, and ` validation-K loss at iteration N … | …`.

Source: training_log and evaluate_and_print_results of megatron/training/training.py in Megatron-LM.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

from midmix.errors import InputError
from midmix.mixer.jobs.manifest import Evaluation, Job
from midmix.mixer.results.trained import Curve, Trained

ITERATION = re.compile(r"\biteration +(\d+)/ *(\d+) *\|")
SIZE = re.compile(r"number of parameters on \(tensor, pipeline\) model parallel rank \((\d+), (\d+)\): (\d+)")
VALIDATION = re.compile(r"\bvalidation(?:-(\d+))? loss at iteration (\d+)( on test set)?[^|]*\|(.*)")
VALUE = "lm loss value"


def read_log(path: Path, job: Job, evaluation: tuple[Evaluation, ...]) -> Trained:
    """What the job has measured, at its last step and on the way; of several attempts in one log the last holds.

    A loss of several validation sets is their mean over sequences. Raises ValueError where the job did not come to its
    end or trained another number of steps, InputError where the file cannot be read.
    """
    sizes: dict[tuple[str, str], int] = {}
    planned, curve = job.steps, Curve()
    for line in _lines(path):
        if found := SIZE.search(line):
            sizes[found[1], found[2]] = int(found[3])
        elif found := ITERATION.search(line):
            curve.reach(int(found[1]))
            planned = int(found[2])
        elif (found := VALIDATION.search(line)) and not found[3]:
            value = _fields(found[4]).get(VALUE)
            curve.measure(int(found[2]), {} if value is None else {found[1] or "0": value})
    if planned != job.steps:
        raise ValueError(f"trains {planned:,} iterations, the job has {job.steps:,}")
    if job.steps not in curve.values:
        raise ValueError(f"reached iteration {curve.reached:,} of {job.steps:,}, and was not measured at its end")
    return Trained(sum(sizes.values()) or None, {step: _means(s, evaluation) for step, s in curve.values.items()})


def _lines(path: Path) -> list[str]:
    try:
        # Ranks print at once, so that a log may hold bytes that are no text.
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error}. Give the standard output of the job.") from None


def _fields(text: str) -> dict[str, str]:
    cells = (cell.rpartition(":") for cell in text.split("|"))
    return {name.strip(): value.strip() for name, _, value in cells}


def _means(sets: Mapping[str, object], evaluation: tuple[Evaluation, ...]) -> dict[str, object]:
    """Losses by metric, of those all of whose validation sets were measured; not a number where one of these is none."""
    found: dict[str, object] = {}
    for text in evaluation:
        values = [sets.get(str(one.number)) for one in text.sets]
        if None not in values:
            total = sum(one.sequences for one in text.sets)
            found[text.metric] = (
                sum(_float(v) * one.sequences for v, one in zip(values, text.sets, strict=True)) / total
            )
    return found


def _float(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return math.nan
