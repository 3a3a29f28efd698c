"""Levels of a config: tables of quantiles fitted once and frozen, then applied part by part. No text is read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.columns import groups_of, labels_of
from midmix.config import Config, Level
from midmix.curation.classify.levels import apply_levels, fit_levels
from midmix.curation.classify.named import holds, named_columns, texts_of
from midmix.curation.classify.sample import readable
from midmix.curation.classify.train import part_files
from midmix.curation.decide.sql import judged_schema
from midmix.disk import sha256_of
from midmix.errors import InputError
from midmix.expression import Expression, parse_expressions
from midmix.frozen import frozen_artefact
from midmix.parts import Part, document_keys
from midmix.step import Context
from midmix.table_files import read_table
from midmix.tables import DOCUMENTS, LABELS, SOURCES, Table
from midmix.task import ArtefactRecord, Output, Task

# Documents that quantiles are taken of: more than a bucket of any topic can resolve.
MAX_DOCUMENTS = 1_000_000


@dataclass(frozen=True)
class PlannedLevel:
    """A level with its expressions, checked. `columns` are all that it names."""

    name: str
    level: Level
    within: Expression | None
    good: Expression | None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of `judged` that its value rests on."""
        return tuple(dict.fromkeys([*self.level.raters, *(self.within.columns if self.within else ())]))


@dataclass(frozen=True)
class LevelJob:
    """What the tasks share: levels with their fitted tables, and rows of SOURCES by name."""

    table: Table
    levels: dict[str, PlannedLevel]
    fitted: dict[str, Path]
    sources: dict[str, dict[str, Any]]


def plan_levels(config: Config) -> tuple[PlannedLevel, ...]:
    """The config's levels. Raises ConfigError on an unknown column, one that is no number, and a faulty expression."""
    schema = judged_schema(config)
    raters = {f"{n}.raters.{r}": f'"{r}"' for n, level in config.levels.items() for r in level.raters}
    parse_expressions(raters, schema, section="levels", gives="number")
    within = parse_expressions(
        {n: v.within for n, v in config.levels.items() if v.within}, schema, section="levels.within", gives="value"
    )
    good = parse_expressions({n: v.good for n, v in config.levels.items() if v.good}, schema, section="levels.good")
    return tuple(PlannedLevel(n, v, within.get(n), good.get(n)) for n, v in config.levels.items())


def write_levels(context: Context, raters: Mapping[str, Any]) -> None:
    """Fit the levels that are not fitted yet, and write their column groups. `raters` are the settings of all raters."""
    config = context.config
    planned = plan_levels(config)
    fitted = {one.name: _frozen_level(context, one, raters) for one in planned}
    sources = {row["source"]: row for row in context.read(SOURCES).to_pylist()}
    context.per_part(
        level_part,
        writes=(LABELS,),
        units={one.name: {"tables": sha256_of(fitted[one.name])} for one in planned},
        reads=(DOCUMENTS,),
        groups={one.name: groups_of(config, one.columns) for one in planned},
        over_text=False,
        extra=LevelJob(labels_of(config), {one.name: one for one in planned}, fitted, sources),
    )


def _frozen_level(context: Context, planned: PlannedLevel, raters: Mapping[str, Any]) -> Path:
    level = planned.level
    asked = {
        "raters": {name: raters.get(name) for name in level.raters},
        "within": level.within,
        "buckets": level.buckets,
        "good": level.good,
        "documents": MAX_DOCUMENTS,
    }

    def make(path: Path) -> ArtefactRecord:
        values, topics, good = _known(context, planned)
        table = fit_levels(values, topics, buckets=level.buckets, good=good)
        path.write_text(json.dumps(table, sort_keys=True), encoding="utf-8")
        return ArtefactRecord(None, {"documents": len(topics), "weights": table["weights"]})

    return frozen_artefact(context, f"level:{planned.name}", asked, list(level.train_on), make)


def _known(
    context: Context, planned: PlannedLevel
) -> tuple[dict[str, npt.NDArray[np.float64]], list[str], npt.NDArray[np.bool_] | None]:
    """Values by rater, topics and what is good, of the documents with the smallest content hashes, each text once."""
    columns = tuple(dict.fromkeys([*planned.columns, *(planned.good.columns if planned.good else ())]))
    files = part_files(context.folder, groups_of(context.config, columns))
    sources = {row["source"]: row for row in read_table(context.folder, SOURCES).to_pylist()}
    found: list[pa.Table] = []
    for part in context.parts:
        if part.source in planned.level.train_on:
            found.append(_of_part(planned, part, {t: by.get(part.id, []) for t, by in files.items()}, sources, columns))
    rows = pa.concat_tables([t for t in found if t.num_rows]) if any(t.num_rows for t in found) else None
    if rows is None:
        raise InputError(f"level {planned.name}: 'train_on' ({', '.join(planned.level.train_on)}) has no document")
    rows = rows.sort_by("hash")
    hashes = rows.column("hash").combine_chunks()
    first = np.ones(len(hashes), bool)
    first[1:] = pa.compute.not_equal(hashes[1:], hashes[:-1]).to_numpy(zero_copy_only=False)
    rows = rows.filter(pa.array(first)).slice(0, MAX_DOCUMENTS)
    values = {r: rows.column(f"value_{r}").to_numpy() for r in planned.level.raters}
    good = rows.column("good").to_numpy(zero_copy_only=False).astype(bool) if planned.good else None
    if good is not None and (good.all() or not good.any()):
        raise InputError(
            f"level {planned.name}: 'good' ({planned.level.good}) holds for {int(good.sum())} of {len(good)} documents of "
            f"'train_on'; a weighting is learned from both kinds"
        )
    return values, rows.column("topic").to_pylist(), good


def _of_part(
    planned: PlannedLevel,
    part: Part,
    files: Mapping[str, Sequence[Path]],
    sources: Mapping[str, Mapping[str, Any]],
    columns: tuple[str, ...],
) -> pa.Table:
    _, hashes = readable(files[DOCUMENTS.name])
    if not len(hashes):
        return pa.table({})
    named = named_columns(columns, part, files, sources[part.source])
    made: dict[str, Any] = {"hash": hashes, "topic": _topics(planned, named)}
    made |= {f"value_{name}": values for name, values in _values(planned, named).items()}
    if planned.good:
        made["good"] = holds(planned.good, named, f"levels.{planned.name}.good")
    return pa.table(made)


def _values(planned: PlannedLevel, named: pa.Table) -> dict[str, npt.NDArray[np.float64]]:
    return {
        name: named.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
        for name in planned.level.raters
    }


def _topics(planned: PlannedLevel, named: pa.Table) -> list[str]:
    if planned.within is None:
        return [""] * named.num_rows
    return [topic or "" for topic in texts_of(planned.within, named, f"levels.{planned.name}.within").to_pylist()]


def level_part(task: Task, output: Output) -> None:
    """The levels of one part's documents."""
    job: LevelJob = task.extra
    assert task.part is not None
    keys = document_keys(task.inputs[DOCUMENTS.name])
    for unit in task.units:
        planned = job.levels[unit]
        table = json.loads(job.fitted[unit].read_text(encoding="utf-8"))
        named = named_columns(planned.columns, task.part, task.inputs, job.sources[task.part.source])
        levels = apply_levels(table, _values(planned, named), _topics(planned, named))
        column = pa.array(levels, pa.int32(), from_pandas=True)
        output.table(job.table, pa.table({"doc": keys, unit: column}, schema=job.table.schema(unit)), unit=unit)
