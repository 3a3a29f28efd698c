"""The score step: SCORES by group and SPANS, per part, from one reading of the raw text."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from midmix.curation.score.groups import SPANS_UNIT, score_texts
from midmix.curation.score.prose import REPEATED_NGRAMS, STOP_WORDS, TOP_NGRAMS
from midmix.curation.score.spans import EMAIL_REASON, LINE_REASON, MAX_LINE_CHARS, SECRET_REASON
from midmix.step import Context
from midmix.tables import DOCUMENTS, SCORES, SPANS
from midmix.task import Output, Task, read_documents

VERSION = 1

# Each unit is fingerprinted by its own settings, so that a new scorer reads the text for itself alone.
UNITS: dict[str, dict[str, Any]] = {
    "text": {"lines": "str.splitlines", "words": "str.split"},
    "prose": {
        "words": "str.split",
        "stop_words": list(STOP_WORDS),
        "top_ngrams": list(TOP_NGRAMS),
        "repeated_ngrams": list(REPEATED_NGRAMS),
    },
    "code": {"lines": "str.splitlines"},
    "math": {"lines": "str.splitlines"},
    SPANS_UNIT: {"reasons": [EMAIL_REASON, SECRET_REASON, LINE_REASON], "max_line_chars": MAX_LINE_CHARS},
}


def run(context: Context) -> None:
    """Write SCORES and SPANS of every part that lacks them."""
    context.per_part(score_part, writes=(SCORES, SPANS), units=UNITS, reads=(DOCUMENTS,))


def score_part(task: Task, output: Output) -> None:
    """Scores and spans of one part, for the units that are to be done."""
    documents = read_documents(task)
    scores, findings = score_texts(documents.texts, tuple(task.units))
    for group, columns in scores.items():
        data = {"doc": documents.keys, **columns}
        output.table(SCORES, pa.table(data, schema=SCORES.schema(group)), unit=group)
    if SPANS_UNIT in task.units:
        found = [SPANS.schema().empty_table()]
        first = 0
        for batch in findings:
            size = len(batch.num_emails)
            found.append(batch.table(documents.keys[first : first + size]))
            first += size
        output.table(SPANS, pa.concat_tables(found), unit=SPANS_UNIT)
    output.read_text(documents.num_bytes)
    output.count(documents.source, len(documents.keys), len(documents.keys))
