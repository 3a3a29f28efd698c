"""The classify step: LABELS of raw text, from frozen models. Later sources are rated by them, never trained on.

Raters are done in levels: what a rater's `where` and `labels` name is on disk before it. Every rater is a unit of its
own, so that a new one reads text for itself alone, and only the rows that its `where` lets through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.columns import groups_of, labels_of
from midmix.curation.classify.audit_step import write_audit
from midmix.curation.classify.given import given_model, plain
from midmix.curation.classify.language import MAX_CHARS, identify_languages
from midmix.curation.classify.level_step import write_levels
from midmix.curation.classify.named import holds, named_columns
from midmix.curation.classify.plan import LANGUAGE, Planned, plan_raters
from midmix.curation.classify.ratings import Ratings, as_they_are, as_trained, rate_with_fasttext
from midmix.curation.classify.train import frozen_rater, trained_with
from midmix.curation.classify.transformers_rater import Reading, rate_with_transformers
from midmix.disk import sha256_of
from midmix.own_columns import BUILT_IN, SKIPPED_NO_WORD, SKIPPED_UNSURE, SKIPPED_WHERE
from midmix.parts import ROW_MASK, Part, document_keys, read_column, read_rows
from midmix.step import Context
from midmix.tables import DOCUMENTS, LABELS, SOURCES, TEXT, Table
from midmix.task import Output, Task

VERSION = 2
LANGUAGE_CONFIDENCE = 0.5
KIND_CONFIDENCE = 0.9
NOTHING = Ratings(np.empty(0), [])


@dataclass(frozen=True)
class Job:
    """What the tasks of a level share. models: a rater's file or folder; sources: rows of SOURCES by name."""

    table: Table
    raters: dict[str, Planned]
    models: dict[str, Path]
    sources: dict[str, dict[str, Any]]
    counts: bool


def run(context: Context) -> None:
    """Train the configured raters where they are not trained yet, and write LABELS of every part that lacks them."""
    config = context.config
    levels = plan_raters(config)
    sources = {row["source"]: row for row in context.read(SOURCES).to_pylist()}
    given = {name: given_model(config, name, rater) for name, rater in config.raters.items() if rater.model is not None}
    every: dict[str, Any] = {}
    for number, level in enumerate(levels):
        models = {one.name: _model(context, one, given) for one in level if one.rater is not None}
        settings = {one.name: rater_settings(one, models) for one in level}
        every |= settings
        paths = {name: path for name, (path, _) in models.items()}
        context.per_part(
            rate_part,
            writes=(LABELS,),
            units=partial(_units, level, settings, sources),
            reads=(DOCUMENTS,),
            groups={one.name: groups_of(config, one.where.columns) for one in level if one.where},
            later=[*(one.name for after in levels[number + 1 :] for one in after), *config.levels],
            extra=Job(labels_of(config), {one.name: one for one in level}, paths, sources, counts=number == 0),
        )
    if config.levels:
        write_levels(context, every)
    write_audit(context)


def _units(
    level: Sequence[Planned], settings: Mapping[str, Any], sources: Mapping[str, Mapping[str, Any]], part: Part
) -> dict[str, Any]:
    return {one.name: settings[one.name] | _where_settings(one, sources[part.source], part) for one in level}


def _model(context: Context, planned: Planned, given: Mapping[str, tuple[Path, str]]) -> tuple[Path, str]:
    """A rater's model and its hash; trained now where it is to be and was not yet."""
    if planned.name in given:
        return given[planned.name]
    path = frozen_rater(context, planned)
    return path, sha256_of(path)


def rater_settings(planned: Planned, models: Mapping[str, tuple[Path, str]]) -> dict[str, Any]:
    """What a rater's values depend on beside the text, as JSON."""
    rater = planned.rater
    if rater is None:
        return {"max_chars": MAX_CHARS, "confidence": LANGUAGE_CONFIDENCE}
    settings: dict[str, Any] = {"model": models[planned.name][1]}
    if rater.form == "transformers":
        settings |= {n: getattr(rater, n) for n in ("output", "windows", "max_tokens", "batch_tokens", "device")}
    elif rater.form == "fasttext":
        settings["max_chars"] = rater.max_chars or (MAX_CHARS if planned.name == LANGUAGE else None)
    else:
        settings["max_chars"] = trained_with(rater, seed=0).max_chars
    label = "positive" if rater.form == "sources" else rater.label
    if label is not None:
        settings["label"] = plain(label)
    confidence = rater.min_confidence or {"kind": KIND_CONFIDENCE, LANGUAGE: LANGUAGE_CONFIDENCE}.get(planned.name)
    if confidence is not None:
        settings["confidence"] = confidence
    return settings


def _where_settings(planned: Planned, source: Mapping[str, Any], part: Part) -> dict[str, Any]:
    """The condition, and what it says of the source and the part."""
    if planned.where is None:
        return {}
    place = {name: value for name, value in {**source, "path": part.path}.items() if name in planned.where.columns}
    return {"where": planned.where.sql, "place": place}


def rate_part(task: Task, output: Output) -> None:
    """Labels of one part, for the raters that are to be done; only the rows that one of them rates are read."""
    job: Job = task.extra
    assert task.part is not None
    keys = document_keys(task.inputs[DOCUMENTS.name])
    chosen = {unit: _chosen(task, job.raters[unit], len(keys)) for unit in task.units}
    rows = np.flatnonzero(np.logical_or.reduce(list(chosen.values())))
    texts = _texts(task.part, (keys & np.uint64(ROW_MASK)).astype(np.int64), rows)
    for unit, settings in task.units.items():
        mine = np.flatnonzero(chosen[unit][rows])
        own = texts if len(mine) == len(rows) else texts.take(pa.array(mine))
        ratings = rate(job.raters[unit], settings, job.models.get(unit), own) if len(own) else NOTHING
        columns = _columns(job.table, unit, settings, ratings, chosen[unit])
        output.table(job.table, pa.table({"doc": keys, **columns}, schema=job.table.schema(unit)), unit=unit)
    output.read_text(texts.nbytes if len(texts) else 0)
    if job.counts:
        output.count(task.part.source, len(keys), len(keys))


def _chosen(task: Task, planned: Planned, count: int) -> npt.NDArray[np.bool_]:
    if planned.where is None:
        return np.ones(count, np.bool_)
    assert task.part is not None
    named = named_columns(planned.where.columns, task.part, task.inputs, task.extra.sources[task.part.source])
    return holds(planned.where, named, f"raters.{planned.name}.where")


def _texts(part: Part, row_of: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> pa.LargeStringArray:
    """Texts of some of the part's documents; `row_of` says which row of the part each document is."""
    if not len(rows):
        return pa.array([], TEXT)
    if len(rows) < len(row_of):
        return read_rows(part, row_of[rows])
    texts = read_column(part, part.text_column)
    return texts if len(texts) == len(row_of) else texts.take(pa.array(row_of))


def rate(planned: Planned, settings: Mapping[str, Any], model: Path | None, texts: pa.LargeStringArray) -> Ratings:
    """What a rater says of n texts. `settings` are those of `rater_settings`, `model` its file or folder."""
    rater = planned.rater
    if rater is None or model is None:
        classes, confidence = identify_languages(texts, settings["confidence"])
        return Ratings(confidence.to_numpy(zero_copy_only=False).astype(np.float64), classes.to_pylist())
    label = settings.get("label")
    if rater.form == "transformers":
        reading = Reading(rater.windows, rater.max_tokens, rater.batch_tokens, rater.device)
        score = rater.output == "score"
        return rate_with_transformers(model, settings["model"], texts, reading, label=label, score=score)
    prepare = partial(as_they_are if rater.form == "fasttext" else as_trained, max_chars=settings["max_chars"])
    return rate_with_fasttext(model, texts, prepare=prepare, label=label)


def _columns(
    table: Table, unit: str, settings: Mapping[str, Any], ratings: Ratings, chosen: npt.NDArray[np.bool_]
) -> dict[str, pa.Array]:
    """Columns of the rater's group for every document of the part, from the ratings of the chosen ones."""
    values = np.full(len(chosen), np.nan)
    values[chosen] = ratings.values
    reasons = np.full(len(chosen), None, object)
    reasons[np.isnan(values)] = SKIPPED_NO_WORD
    reasons[~chosen] = SKIPPED_WHERE
    number = pa.array(values.astype(np.float32), mask=np.isnan(values))
    columns = {unit: number}
    if f"{unit}_confidence" in table.schema(unit).names:
        classes = np.full(len(chosen), None, object)
        classes[chosen] = ratings.classes or []
        unsure = values < settings.get("confidence", 0)
        reasons[unsure] = SKIPPED_UNSURE
        classes[unsure] = None
        columns = {unit: pa.array(classes, pa.string()), f"{unit}_confidence": number}
    if unit not in BUILT_IN:
        columns[f"{unit}_skipped"] = pa.array(reasons, pa.string())
    return columns
