"""The classify step: LABELS of raw text, from frozen models. Later sources are rated by them, never trained on."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.artifact import load_manifest, sha256_of
from midmix.config import Config
from midmix.curation.classify.fasttext_rater import RaterSettings, best_class, class_probability, train_rater
from midmix.curation.classify.language import MAX_CHARS, identify_languages
from midmix.curation.classify.sample import PARTS_PER_SOURCE, PER_CLASS, draw_sample
from midmix.errors import ConfigError
from midmix.frozen import frozen_artefact
from midmix.parts import Documents
from midmix.step import Context
from midmix.tables import DOCUMENTS, LABELS
from midmix.task import ArtefactRecord, Output, Task, read_documents

VERSION = 1
LANGUAGE_CONFIDENCE = 0.5
KIND_CONFIDENCE = 0.9


def run(context: Context) -> None:
    """Train the configured raters where they are not trained yet, and write LABELS of every part that lacks them."""
    units: dict[str, dict[str, Any]] = {"language": {"max_chars": MAX_CHARS, "confidence": LANGUAGE_CONFIDENCE}}
    models: dict[str, Path] = {}
    for name, class_of in rater_classes(context.config).items():
        models[name] = _frozen_rater(context, name, class_of)
        units[name] = {"model": sha256_of(models[name]), "max_chars": RaterSettings().max_chars}
        if name == "kind":
            units[name]["confidence"] = KIND_CONFIDENCE
    context.per_part(classify_part, writes=(LABELS,), units=units, reads=(DOCUMENTS,), extra=models)


def rater_classes(config: Config) -> dict[str, dict[str, str]]:
    """For each configured rater the class that each of its sources stands for. Raises ConfigError on a single class."""
    raters: dict[str, dict[str, str]] = {}
    if config.raters.kind:
        raters["kind"] = {source: config.sources[source].kind for source in config.raters.kind.train_on}
    if config.raters.quality:
        positive, negative = config.raters.quality.positive, config.raters.quality.negative
        both = sorted(set(positive) & set(negative))
        if both:
            raise ConfigError(f"raters.quality: {', '.join(both)} is both positive and negative; name it once")
        raters["quality"] = dict.fromkeys(positive, "positive") | dict.fromkeys(negative, "negative")
    for name, class_of in raters.items():
        if len(set(class_of.values())) < 2:
            raise ConfigError(
                f"raters.{name}: got sources of the one class {', '.join(set(class_of.values()))}, expected at least two "
                f"classes; name sources of another kind under raters.{name}, or leave it out"
            )
    return raters


def _frozen_rater(context: Context, name: str, class_of: dict[str, str]) -> Path:
    settings = RaterSettings(seed=context.seed)
    asked = asdict(settings) | {
        "classes": class_of,
        "documents_per_class": PER_CLASS,
        "parts_per_source": PARTS_PER_SOURCE,
    }

    def make(path: Path) -> ArtefactRecord:
        files: dict[int, list[Path]] = {}
        for entry in load_manifest(context.folder, DOCUMENTS.name).files:
            if entry.part is not None:
                files.setdefault(entry.part, []).append(context.folder / entry.path)
        sample = draw_sample(context.parts, files, class_of, name, settings.max_chars)
        quality, record = train_rater(sample, settings, path)
        return ArtefactRecord(quality=quality, record=record, text_bytes_read=sample.text_bytes_read)

    return frozen_artefact(context, f"rater:{name}", asked, list(class_of), make)


def classify_part(task: Task, output: Output) -> None:
    """Labels of one part, for the units that are to be done."""
    documents = read_documents(task)
    for unit, settings in task.units.items():
        columns = (
            _language(documents, settings) if unit == "language" else _rate(documents, unit, settings, task.extra[unit])
        )
        data = {"doc": pa.array(documents.keys), **columns}
        output.table(LABELS, pa.table(data, schema=LABELS.schema(unit)), unit=unit)
    output.read_text(documents.num_bytes)
    output.count(documents.source, len(documents.keys), len(documents.keys))


def _language(documents: Documents, settings: dict[str, Any]) -> dict[str, pa.Array]:
    language, confidence = identify_languages(documents.texts, settings["confidence"])
    return {"language": language, "language_confidence": confidence}


def _rate(documents: Documents, unit: str, settings: dict[str, Any], model: Path) -> dict[str, pa.Array]:
    if unit == "quality":
        return {"quality": _float32(class_probability(model, documents.texts, "positive", settings["max_chars"]))}
    classes, confidence = best_class(model, documents.texts, settings["max_chars"])
    unsure = ~(confidence >= settings["confidence"])
    return {"kind": pa.array(classes, pa.string(), mask=unsure), "kind_confidence": _float32(confidence)}


def _float32(values: npt.NDArray[np.float64]) -> pa.Array:
    return pa.array(values.astype(np.float32), mask=np.isnan(values))
