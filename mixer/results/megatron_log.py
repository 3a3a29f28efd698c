"""The log that Megatron prints: ` iteration N/ M | name: value | …`, and ` validation-K loss at iteration N … | …`.

Source: training_log and evaluate_and_print_results of megatron/training/training.py in Megatron-LM.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from midmix.errors import InputError
from midmix.mixer.jobs.manifest import Evaluation, Job
from midmix.mixer.results.files import number
from midmix.mixer.results.trained import Trained

ITERATION = re.compile(r"\biteration +(\d+)/ *(\d+) *\|")
SIZE = re.compile(r"number of parameters on \(tensor, pipeline\) model parallel rank \((\d+), (\d+)\): (\d+)")
VALIDATION = re.compile(r"\bvalidation(?:-(\d+))? loss at iteration (\d+)( on test set)?[^|]*\|(.*)")
VALUE = "lm loss value"


def read_log(path: Path, job: Job, evaluation: tuple[Evaluation, ...]) -> Trained:
    """What the job has measured after its last step; of several attempts in one log the last holds.

    A loss of several validation sets is their mean over sequences. Raises ValueError where the job did not come to its
    end or trained another number of steps, InputError where the file cannot be read.
    """
    sizes: dict[tuple[str, str], int] = {}
    reached, planned = 0, job.steps
    sets: dict[int, float] = {}
    for line in _lines(path):
        if found := SIZE.search(line):
            sizes[found[1], found[2]] = int(found[3])
        elif found := ITERATION.search(line):
            reached, planned = int(found[1]), int(found[2])
        elif (found := VALIDATION.search(line)) and not found[3] and int(found[2]) == job.steps:
            value = _fields(found[4]).get(VALUE)
            if value is not None:
                sets[int(found[1] or 0)] = number(value, f"validation set {found[1] or 0}")
    if planned != job.steps:
        raise ValueError(f"trains {planned:,} iterations, the job has {job.steps:,}")
    if reached < job.steps or not sets:
        raise ValueError(f"reached iteration {reached:,} of {job.steps:,}, and was not measured at its end")
    return Trained(sum(sizes.values()) or None, _means(sets, evaluation))


def _lines(path: Path) -> list[str]:
    try:
        # Ranks print at once, so that a log may hold bytes that are no text.
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error}. Give the standard output of the job.") from None


def _fields(text: str) -> dict[str, str]:
    cells = (cell.rpartition(":") for cell in text.split("|"))
    return {name.strip(): value.strip() for name, _, value in cells}


def _means(sets: Mapping[int, float], evaluation: tuple[Evaluation, ...]) -> dict[str, float]:
    """Losses by metric, of those all of whose validation sets were measured."""
    found = {}
    for text in evaluation:
        if all(one.number in sets for one in text.sets):
            total = sum(one.sequences for one in text.sets)
            found[text.metric] = sum(sets[one.number] * one.sequences for one in text.sets) / total
    return found
