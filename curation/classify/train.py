"""Raters that midmix trains: drawn a sample, trained once, kept as a frozen artefact of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from midmix.columns import groups_of
from midmix.config import Config
from midmix.config.raters import Rater
from midmix.curation.classify.fasttext_rater import RaterSettings, train_rater
from midmix.curation.classify.given import check_label, plain
from midmix.curation.classify.named import named_columns, texts_of
from midmix.curation.classify.plan import Planned, class_of
from midmix.curation.classify.sample import (
    PARTS_PER_SOURCE,
    PER_CLASS,
    Candidates,
    Sample,
    draw_sample,
    of_sources,
    readable,
)
from midmix.errors import InputError
from midmix.frozen import frozen_artefact
from midmix.parts import Part
from midmix.step import Context
from midmix.table_files import read_table
from midmix.table_manifest import load_manifest
from midmix.tables import DOCUMENTS, SOURCES
from midmix.task import ArtefactRecord


def frozen_rater(context: Context, planned: Planned) -> Path:
    """The model of a rater that is trained here, trained when there is none yet.

    Raises DriftError where it was trained with other settings, InputError where the sources are too small to learn from.
    """
    rater = planned.rater
    assert rater is not None
    settings = trained_with(rater, context.seed)
    asked: dict[str, Any] = asdict(settings)
    if planned.labels is not None:
        asked["labels"] = planned.labels.sql
    else:
        asked["classes"] = class_of(context.config, planned.name, rater)
    asked |= {"documents_per_class": PER_CLASS, "parts_per_source": PARTS_PER_SOURCE}
    label = "positive" if rater.form == "sources" else rater.label

    def make(path: Path) -> ArtefactRecord:
        sample = sample_for(context.folder, context.config, context.parts, planned, settings.max_chars)
        if label is not None:
            check_label(planned.name, label, sorted(set(sample.classes)))
        quality, record = train_rater(sample, settings, path, plain(label) if label else None)
        return ArtefactRecord(quality=quality, record=record, text_bytes_read=sample.text_bytes_read)

    return frozen_artefact(context, f"rater:{planned.name}", asked, list(rater.sources), make)


def trained_with(rater: Rater, seed: int) -> RaterSettings:
    """How a rater of the config is trained."""
    settings = RaterSettings(seed=seed)
    return replace(settings, max_chars=rater.max_chars) if rater.max_chars else settings


def sample_for(folder: Path, config: Config, parts: Sequence[Part], planned: Planned, max_chars: int) -> Sample:
    """The documents of a run that a rater learns from. Raises InputError where a class has too few."""
    assert planned.rater is not None
    if planned.labels is not None:
        candidates = labelled(folder, config, planned)
    else:
        documents = part_files(folder)[DOCUMENTS.name]
        candidates = partial(of_sources, documents, class_of(config, planned.name, planned.rater))
    return draw_sample(parts, planned.rater.sources, candidates, planned.name, max_chars)


def part_files(folder: Path, groups: Mapping[str, Sequence[str]] | None = None) -> dict[str, dict[int, list[Path]]]:
    """Table to part to files: of DOCUMENTS all, of the tables in `groups` those of these column groups."""
    found: dict[str, dict[int, list[Path]]] = {}
    for table in (DOCUMENTS.name, *(groups or {})):
        manifest = load_manifest(folder, table)
        chosen = manifest.of_units(groups[table]) if groups and table in groups else manifest
        found[table] = {
            part: [folder / f.path for f in files] for part, files in chosen.by_part.items() if part is not None
        }
    return found


def labelled(folder: Path, config: Config, planned: Planned) -> Callable[[Part], Candidates]:
    """Candidates of a rater with `labels`: every document for which the expression gives a class."""
    expression = planned.labels
    assert expression is not None
    files = part_files(folder, groups_of(config, expression.columns))
    sources = {row["source"]: row for row in read_table(folder, SOURCES).to_pylist()}

    def of_part(part: Part) -> Candidates:
        mine = {table: by_part.get(part.id, []) for table, by_part in files.items()}
        rows, hashes = readable(mine[DOCUMENTS.name])
        if not len(rows):
            return Candidates(rows, hashes, hashes.cast("string"))
        named = named_columns(expression.columns, part, mine, sources[part.source])
        classes = texts_of(expression, named, f"raters.{planned.name}.labels")
        _refuse_spaces(planned.name, classes.unique().to_pylist())
        return Candidates(rows, hashes, classes)

    return of_part


def _refuse_spaces(name: str, classes: list[str | None]) -> None:
    for label in classes:
        if label is not None and (not label or any(character.isspace() for character in label)):
            raise InputError(
                f"rater {name}: class {label!r} is empty or has white space, at which fastText ends a label; write an "
                f"expression under raters.{name}.labels, such as replace(nullif(topic, ''), ' ', '_')"
            )
