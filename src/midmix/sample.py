"""Texts of documents that a condition chooses, in an order that looks random and is the same every time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from midmix.errors import InputError
from midmix.parts import ROW_MASK, load_parts, read_rows
from midmix.run import Run
from midmix.show import rows_of
from midmix.tables import parse_key

QUERY = """SELECT doc, source, kind, path, keep, reason, fired, content_hash FROM (
  SELECT j.*, d.* EXCLUDE (doc) FROM judged j LEFT JOIN decisions d USING (doc)
) WHERE ({where}) ORDER BY md5(hex(content_hash) || '{seed}'), doc LIMIT {count}"""


@dataclass(frozen=True)
class Sampled:
    """One document of a sample, with its raw text."""

    doc: str
    facts: dict[str, Any]
    text: str


def sample(run: Run, where: str = "true", count: int = 20, seed: int = 1) -> Iterator[Sampled]:
    """`count` documents that satisfy an SQL condition over documents, scores, labels and decisions.

    Raises ConfigError when the condition is no SQL, InputError when a source file is gone or has changed.
    """
    found = list(rows_of(run.sql(QUERY.format(where=where, seed=int(seed), count=int(count)))))
    parts = {part.id: part for part in load_parts(run.folder, run.config)}
    for facts in found:
        key = parse_key(facts["doc"])
        part = parts[key >> 32]
        text = read_rows(part, np.array([key & ROW_MASK], np.int64))[0].as_py()
        if hashlib.blake2b(text.encode(), digest_size=16).hexdigest() != facts["content_hash"]:
            raise InputError(f"{part.path}: has changed since it was ingested. Run midmix with this folder again.")
        yield Sampled(facts["doc"], facts, text)
