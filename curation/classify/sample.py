"""The documents that a rater learns from: a bounded, reproducible sample of the sources that the config names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from midmix.errors import InputError
from midmix.parts import ROW_MASK, Part, read_rows

PER_CLASS = 4000
PARTS_PER_SOURCE = 16
MIN_PER_CLASS = 10


@dataclass(frozen=True)
class Sample:
    """Starts of texts [n], their classes [n] and content hashes [n], in an order that tells nothing of the class."""

    texts: list[str]
    classes: list[str]
    hashes: list[bytes]
    text_bytes_read: int


def draw_sample(
    parts: Sequence[Part],
    documents: Mapping[int, Sequence[Path]],
    class_of: Mapping[str, str],
    name: str,
    max_chars: int,
) -> Sample:
    """Per class the documents with the smallest content hashes, at most 4000, of at most 16 parts of each source.

    `documents` maps a part to its files of DOCUMENTS, `class_of` a source to its class. Equal texts count once, and
    not at all where classes share them. Raises InputError when a class has fewer than 10 documents.
    """
    chosen = [part for source in class_of for part in _first_parts(parts, source)]
    found = _choose(chosen, documents, class_of, name)
    rows = [
        (content_hash[8:], content_hash, label, place)
        for label, mine in found.items()
        for content_hash, place in mine.items()
    ]
    # The first half of a hash says how it was chosen, and so of which class it may be; the second half does not.
    rows.sort()
    texts = _read_texts(chosen, [place for *_, place in rows], max_chars)
    used = {number for *_, (number, _) in rows}
    return Sample(
        texts=texts,
        classes=[label for _, _, label, _ in rows],
        hashes=[content_hash for _, content_hash, _, _ in rows],
        text_bytes_read=sum(chosen[number].text_bytes for number in used),
    )


def _choose(
    parts: Sequence[Part], documents: Mapping[int, Sequence[Path]], class_of: Mapping[str, str], name: str
) -> dict[str, dict[bytes, tuple[int, int]]]:
    """Per class, content hash to (place in `parts`, row in the part), without hashes that classes share."""
    found: dict[str, dict[bytes, tuple[int, int]]] = {label: {} for label in sorted(set(class_of.values()))}
    for number, part in enumerate(parts):
        mine = found[class_of[part.source]]
        for content_hash, row in _smallest_hashes(documents.get(part.id, ())):
            mine.setdefault(content_hash, (number, row))
        for content_hash in sorted(mine)[PER_CLASS:]:
            del mine[content_hash]
    shared = {
        h for label, mine in found.items() for h in mine if any(h in found[other] for other in found if other != label)
    }
    own = {
        label: {content_hash: place for content_hash, place in mine.items() if content_hash not in shared}
        for label, mine in found.items()
    }
    for label, mine in own.items():
        if len(mine) < MIN_PER_CLASS:
            raise InputError(
                f"rater {name}: class {label} has {len(mine)} documents of its own, expected at least {MIN_PER_CLASS}; "
                f"name more sources of it under raters.{name}"
            )
    return own


def _first_parts(parts: Sequence[Part], source: str) -> list[Part]:
    """Parts of a source in an order that depends on their content, not on their names or ids."""

    def order(part: Part) -> bytes:
        return hashlib.blake2b(f"{part.file_hash}:{part.first_row_group}".encode(), digest_size=16).digest()

    return sorted((part for part in parts if part.source == source), key=order)[:PARTS_PER_SOURCE]


def _smallest_hashes(files: Sequence[Path]) -> list[tuple[bytes, int]]:
    """(content hash, row in the part) of a part's non-empty documents, the 4000 smallest hashes, ascending."""
    tables = [pq.read_table(path, columns=["doc", "content_hash", "num_bytes"]) for path in files]
    if not tables:
        return []
    data = pa.concat_tables(tables)
    data = data.filter(pc.greater(data["num_bytes"], 0))
    order = pc.array_sort_indices(data["content_hash"].combine_chunks().cast(pa.binary()))[:PER_CLASS]
    data = data.take(order)
    rows = [key & ROW_MASK for key in data["doc"].to_pylist()]
    return list(zip(data["content_hash"].to_pylist(), rows, strict=True))


def _read_texts(parts: Sequence[Part], places: Sequence[tuple[int, int]], max_chars: int) -> list[str]:
    """First characters of the texts at (place in `parts`, row in the part), in the order given."""
    texts: list[str] = [""] * len(places)
    part_of = np.array([number for number, _ in places], np.int64)
    row_of: npt.NDArray[np.int64] = np.array([row for _, row in places], np.int64)
    for number in np.unique(part_of).tolist():
        mine = np.flatnonzero(part_of == number)
        mine = mine[np.argsort(row_of[mine], kind="stable")]
        starts = pc.utf8_slice_codeunits(read_rows(parts[number], row_of[mine]), 0, max_chars)
        for index, text in zip(mine.tolist(), starts.to_pylist(), strict=True):
            texts[index] = text
    return texts
