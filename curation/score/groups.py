"""All scores and spans of a part's texts, batch by batch, so that memory does not grow with the part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.clean import text_buffers
from midmix.curation.score.code import score_code
from midmix.curation.score.math import score_math
from midmix.curation.score.prose import score_prose
from midmix.curation.score.segments import segment
from midmix.curation.score.spans import Findings, find_spans
from midmix.curation.score.text import score_text
from midmix.tables import SCORES

GROUPS = ("text", "prose", "code", "math")
SPANS_UNIT = "spans"
BATCH_BYTES = 2**20

Columns = dict[str, npt.NDArray[np.generic]]


def score_texts(
    texts: pa.LargeStringArray, units: Sequence[str] = (*GROUPS, SPANS_UNIT)
) -> tuple[dict[str, Columns], list[Findings]]:
    """Scores of n texts without NULLs by group, each column of length n, and what was found batch by batch.

    `units` are groups of SCORES, and `spans` where findings are wanted.
    """
    scores: dict[str, list[Columns]] = {group: [] for group in GROUPS if group in units}
    findings = []
    for batch_texts in _batches(texts):
        found = find_spans(batch_texts) if "text" in units or SPANS_UNIT in units else None
        if found is not None:
            findings.append(found)
        if scores:
            for group, columns in _score(batch_texts, found, tuple(scores)).items():
                scores[group].append(columns)
    return {group: _join(group, columns) for group, columns in scores.items()}, findings


def _batches(texts: pa.LargeStringArray) -> Iterator[pa.LargeStringArray]:
    """Texts in runs of about 1 MiB, a longer text by itself."""
    offsets, _ = text_buffers(texts)
    begin = 0
    while begin < len(texts):
        end = int(np.searchsorted(offsets, offsets[begin] + BATCH_BYTES, side="right")) - 1
        end = max(end, begin + 1)
        yield texts.slice(begin, end - begin)
        begin = end


def _score(texts: pa.LargeStringArray, found: Findings | None, groups: Sequence[str]) -> dict[str, Columns]:
    batch = segment(texts)
    scores: dict[str, Columns] = {}
    for group in groups:
        if group == "text" and found is not None:
            scores[group] = score_text(batch, found)
        elif group == "prose":
            scores[group] = score_prose(batch)
        elif group == "code":
            scores[group] = score_code(batch)
        elif group == "math":
            scores[group] = score_math(batch)
    return scores


def _join(group: str, batches: Sequence[Columns]) -> Columns:
    fields = [field for field in SCORES.schema(group) if field.name not in SCORES.key]
    return {
        field.name: np.concatenate([columns[field.name] for columns in batches])
        if batches
        else np.empty(0, field.type.to_pandas_dtype())
        for field in fields
    }
