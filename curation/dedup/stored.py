"""The shingles of the documents that are compared: each text is read once, part by part, into a file that is mapped.

Nothing else holds shingles: kept for all documents they would take two thousand bytes a document.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.clean import clean_rows
from midmix.curation.dedup.compared import UNKNOWN, pair_blocks
from midmix.curation.dedup.places import Places
from midmix.curation.dedup.radix import sorted_distinct
from midmix.curation.dedup.ranges import Range, read_range
from midmix.curation.dedup.shingles import shingle, text_batches
from midmix.curation.dedup.signatures import SignatureSettings
from midmix.jit import njit
from midmix.table_manifest import load_manifest
from midmix.tables import NEEDED, SHINGLES, SPANS, TEXT
from midmix.task import Output, Task


def find_needed(task: Task, output: Output) -> None:
    """List the documents of all pairs of a group of parts that are still to be compared."""
    places = Places.load(task.folder)
    found = [np.zeros(0, np.int64)]
    parts, containment = task.settings["parts"], task.settings["containment"]
    wanted = Range(places.span(parts[0]).low, places.span(parts[-1]).high)
    for block in pair_blocks(task.folder, places, wanted, containment=containment, memory_bytes=task.memory_bytes):
        open_ = block.shared == UNKNOWN
        found.append(sorted_distinct(np.concatenate([block.later[open_], block.earlier[open_]])))
    needed = sorted_distinct(np.concatenate(found))
    output.table(NEEDED, pa.Table.from_arrays([pa.array(needed)], schema=NEEDED.schema()))


def shingle_part(task: Task, output: Output) -> None:
    """Write the distinct shingles of those documents of a part that are needed."""
    assert task.part is not None
    settings = dict(task.settings)
    edits = settings.pop("edits")
    places = Places.load(task.folder)
    needed = load_manifest(task.folder, NEEDED.name).paths(task.folder)
    ordinals = sorted_distinct(read_range(needed, places.span(task.part.id), ["ordinal"])[0])
    texts = pa.array([], TEXT)
    if len(ordinals):
        texts = clean_rows(task.part, places.docs[ordinals], task.inputs[SPANS.name], edits)
        output.read_text(texts.nbytes)
    counted = []

    def write(path: Path) -> None:
        with path.open("wb") as stream:
            counted.append(write_shingles(stream, ordinals, texts, SignatureSettings(**settings)))

    output.attach(SHINGLES, f"{task.part.item}.bin", write)
    rows = {"part": [task.part.id], "documents": [len(ordinals)], "shingles": counted}
    output.table(SHINGLES, pa.table(rows, schema=SHINGLES.schema()))


def write_shingles(
    stream: BinaryIO, ordinals: npt.NDArray[np.int64], texts: pa.LargeStringArray, settings: SignatureSettings
) -> int:
    """Write the distinct shingles of texts, then ordinals, offsets and their number, in words of 64 bits; the shingles."""
    sizes = [np.zeros(1, np.int64)]
    for some in text_batches(texts):
        shingles = shingle(texts[some], settings)
        sizes.append(np.diff(shingles.offsets))
        shingles.hashes.tofile(stream)
    offsets = np.cumsum(np.concatenate(sizes))
    for words in (ordinals, offsets, np.array([len(ordinals)])):
        words.astype(np.int64).tofile(stream)
    return int(offsets[-1])


class StoredShingles:
    """Shingles on disk, by ordinal; files stay mapped."""

    def __init__(self, folder: Path, places: Places) -> None:
        self._parts, self._folder = places.parts, folder
        self._files = load_manifest(folder, SHINGLES.name).attachments
        self._mapped: dict[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint64]]] = {}

    def read(self, ordinals: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
        """(offsets, hashes) of documents, ascending."""
        limits = np.searchsorted(ordinals, np.append(self._parts[:, 1], np.iinfo(np.int64).max))
        chosen = []
        for i in np.flatnonzero(np.diff(limits)):
            known, offsets, hashes = self._map(int(self._parts[i, 0]))
            at = np.searchsorted(known, ordinals[limits[i] : limits[i + 1]])
            chosen.append((offsets[at], offsets[at + 1], hashes))
        sizes = [stops - starts for starts, stops, _ in chosen]
        offsets = np.cumsum(np.concatenate([np.zeros(1, np.int64), *sizes]))
        out = np.empty(int(offsets[-1]), np.uint64)
        filled = 0
        for starts, stops, hashes in chosen:
            filled = copy_sets(hashes, starts, stops, out, filled)
        return offsets, out

    def _map(self, part: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
        if part not in self._mapped:
            words = np.asarray(np.memmap(self._folder / self._files[f"p{part:08d}.bin"], np.int64, "c"))
            count = int(words[-1])
            ends = len(words) - np.array([2 * count + 2, count + 2, 1])
            self._mapped[part] = (words[ends[0] : ends[1]], words[ends[1] : ends[2]], words[: ends[0]].view(np.uint64))
        return self._mapped[part]


@njit
def copy_sets(
    hashes: npt.NDArray[np.uint64],
    starts: npt.NDArray[np.int64],
    stops: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint64],
    filled: int,
) -> int:
    for i in range(starts.size):
        for k in range(starts[i], stops[i]):
            out[filled] = hashes[k]
            filled += 1
    return filled
