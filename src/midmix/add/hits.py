"""Text of benchmarks in a newcomer, with what stands around it, so that a person can judge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from midmix.parts import ROW_MASK, load_parts, read_rows
from midmix.run import Run
from midmix.show import rows_of
from midmix.tables import parse_key

AROUND_BYTES = 120
MOST_SHOWN = 1000

HITS = """
SELECT c.*, p.source, i.question, i.answer
FROM contamination c JOIN parts p ON p.part = CAST(c.doc >> 32 AS BIGINT)
  LEFT JOIN evaluation_items i ON i."set" = c."set" AND i.item = c.item
WHERE p.source IN ({sources}) ORDER BY c.doc, c."set", c.item, c.field LIMIT {most}"""


def hits_of(run: Run, sources: str) -> list[dict[str, Any]]:
    """The first hits in documents of some sources (SQL literals): the row of CONTAMINATION, the item, and the text.

    `before`, `match` and `after` are the document's raw text around the span.
    """
    hits = list(rows_of(run.sql(HITS.format(sources=sources, most=MOST_SHOWN))))
    texts = dict(_texts(run, {parse_key(hit["doc"]) for hit in hits}))
    return [hit | _around(texts[parse_key(hit["doc"])], hit["start_byte"], hit["end_byte"]) for hit in hits]


def _texts(run: Run, keys: set[int]) -> Iterator[tuple[int, bytes]]:
    of_part: dict[int, list[int]] = {}
    for key in sorted(keys):
        of_part.setdefault(key >> 32, []).append(key)
    for part in load_parts(run.folder, run.config):
        mine = of_part.get(part.id, [])
        rows = np.array([key & ROW_MASK for key in mine], np.int64)
        for key, text in zip(mine, read_rows(part, rows) if mine else (), strict=True):
            yield key, text.as_py().encode()


def _around(text: bytes, start: int | None, end: int | None) -> dict[str, str]:
    if start is None or end is None:
        return {"before": "", "match": "", "after": ""}
    pieces = {"before": text[max(0, start - AROUND_BYTES) : start], "match": text[start:end], "after": text[end:]}
    pieces["after"] = pieces["after"][:AROUND_BYTES]
    return {name: piece.decode(errors="ignore") for name, piece in pieces.items()}
