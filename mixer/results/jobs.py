"""The jobs of a design that were run: JOBS.json says which run each is, their own files what they measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from midmix.errors import InputError
from midmix.mixer.jobs.manifest import JOBS_FILE, Evaluation, Job, Jobs, read_jobs_file
from midmix.mixer.results.files import Bad, Place, is_empty, number
from midmix.mixer.results.lm_eval import BITS, read_lm_eval
from midmix.mixer.results.megatron_log import read_log
from midmix.mixer.results.olmo_core_metrics import read_metrics
from midmix.mixer.results.result import Result, checked_weights, count, short_count
from midmix.mixer.results.trained import Trained

NATS = "nats_per_token"


def jobs_file(path: Path) -> Path | None:
    """The JOBS.json that a path names, itself or as its folder; None where it is another file. Raises InputError."""
    if not path.is_dir():
        return path if path.name == JOBS_FILE else None
    if not (path / JOBS_FILE).is_file():
        raise InputError(f"{path}: a folder without {JOBS_FILE}; give files of results, or a folder of jobs")
    return path / JOBS_FILE


def read_jobs(file: Path, defaults: Mapping[str, Any], bad: list[Bad]) -> tuple[str, list[Result]]:
    """The trainer, and the results of every job that came to its end, in nats per token and in bits per byte, at its last
    step and at every step before where it was measured.

    Jobs without a result, and metrics that are missing or no numbers, go to `bad`. Raises InputError where the file
    itself is not what it should be.
    """
    jobs = read_jobs_file(file)
    results: list[Result] = []
    for job in jobs.jobs:
        place = Place(file.parent / job.metrics, 0)
        try:
            results += _results(jobs, job, place, defaults, bad)
        except (InputError, ValueError) as error:
            words = str(error).removeprefix(f"{place}: ")
            bad.append(Bad(place, f"run {job.run}: {words}"))
    return jobs.trainer, results


def _results(jobs: Jobs, job: Job, place: Place, defaults: Mapping[str, Any], bad: list[Bad]) -> list[Result]:
    if not place.path.is_file():
        raise ValueError("has no such file: it was not started, or leaves its output elsewhere")
    trained = _trained(jobs, job, place.path, bad)
    size = defaults.get("parameters") if trained.parameters is None else trained.parameters
    if is_empty(size):
        raise ValueError("does not say how many parameters the model has; give --parameters")
    parameters = count(size, "parameters")
    weights, total = checked_weights(job.weights)
    measured = {step: _losses(jobs.evaluation, job, step, trained, place, bad) for step in sorted(trained.losses)}
    for unit, losses in read_lm_eval(place.path.parent, bad).items():
        measured[job.steps].setdefault(unit, {}).update(losses)
    return [
        Result(
            place=place,
            name=f"{jobs.identity}/run-{job.run}",
            weights=weights,
            total=total,
            shape=str(defaults.get("shape", short_count(parameters))),
            parameters=parameters,
            tokens=job.tokens * step // job.steps,
            seed=job.seed,
            step=step,
            unit=unit,
            metrics=losses,
            pools=job.pools,
        )
        for step, units in measured.items()
        for unit, losses in units.items()
        if losses
    ]


def _trained(jobs: Jobs, job: Job, path: Path, bad: list[Bad]) -> Trained:
    if jobs.trainer == "megatron":
        return read_log(path, job, jobs.evaluation)
    return read_metrics(path, job, jobs.evaluation, bad)


def _losses(
    evaluation: tuple[Evaluation, ...], job: Job, step: int, trained: Trained, place: Place, bad: list[Bad]
) -> dict[str, dict[str, float]]:
    """Losses at a step by unit and metric. Bits per byte = nats per token / ln 2 x tokens per byte of the text.

    On the way a job need not measure every text.
    """
    found: dict[str, dict[str, float]] = {NATS: {}, BITS: {}}
    measured, last = trained.losses[step], step == job.steps
    for text in evaluation:
        if text.metric not in measured and not last:
            continue
        try:
            if text.metric not in measured:
                raise ValueError(f"has no result for {text.metric}")
            nats = number(measured[text.metric], text.metric if last else f"{text.metric} at step {step:,}")
        except ValueError as error:
            bad.append(Bad(place, f"run {job.run}: {error}"))
            continue
        found[NATS][text.metric] = nats
        found[BITS][text.metric] = nats / math.log(2) * text.num_tokens / text.num_bytes
    return found
