"""The lines that a job of OLMo-core writes: {"parameters": …} where it starts, then {"step": …, metric: value}."""

from __future__ import annotations

from pathlib import Path

from midmix.mixer.jobs.manifest import Evaluation, Job
from midmix.mixer.results.files import Bad, read_records
from midmix.mixer.results.trained import Curve, Trained

PREFIX, SUFFIX = "eval/lm/", "/CE loss"


def read_metrics(path: Path, job: Job, evaluation: tuple[Evaluation, ...], bad: list[Bad]) -> Trained:
    """What the job has measured, at its last step and on the way. Lines that are no objects go to `bad`; of two about one
    step, as a job that went on from its own checkpoint leaves them, the later holds.

    Raises ValueError where it did not come to its end, InputError where the file cannot be read.
    """
    parameters: int | None = None
    curve = Curve()
    for record in read_records(path, bad):
        size, step = record.values.get("parameters"), record.values.get("step")
        if isinstance(size, int):
            parameters = size
        if not isinstance(step, int):
            continue
        curve.reach(step)
        found = {text.metric: record.values.get(f"{PREFIX}{text.metric}{SUFFIX}") for text in evaluation}
        curve.measure(step, {metric: value for metric, value in found.items() if value is not None})
    if job.steps not in curve.values:
        raise ValueError(f"reached step {curve.reached:,} of {job.steps:,}, and was not measured at its end")
    return Trained(parameters, curve.values)
