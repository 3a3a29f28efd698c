"""Documents by their ordinal: key, place in survivor order, and what pairs are made by. Arrays on disk.

Tasks map them into memory and read them part by part or in sorted order, so what a task holds does not grow with the
corpus.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from midmix.curation.dedup.exchange import Workspace, scratch_space
from midmix.curation.dedup.ranges import Range
from midmix.curation.order import survivor_keys
from midmix.errors import StepError
from midmix.query import connect_capped
from midmix.table_files import read_table
from midmix.table_manifest import load_manifest
from midmix.tables import CANDIDATES, PLACES, SIGNATURES
from midmix.task import Output, Task

# place: rank in survivor order, -1 for all but the first copy of a text; frame: what texts share that differ in numbers
# alone; shingles: how many distinct ones.
FACTS = np.dtype([("place", np.int64), ("frame", np.int64), ("shingles", np.int32)])
_ROWS = 1 << 16
# What the system's cache holds beside a task's own memory, for certain.
_SMALL_FILE = 1 << 26
# What sorting all documents may hold: so many bytes a document, and no less; the rest spills.
_SORT_BYTES, _LEAST_SORT_BYTES = 32, 32 << 20


@dataclass(frozen=True)
class Places:
    """The documents of a run, by ordinal. `parts` are (part, first ordinal, documents), int64 [parts, 3]."""

    folder: Path
    parts: npt.NDArray[np.int64]
    files: dict[str, str]

    @staticmethod
    def load(folder: Path) -> Places:
        """What an earlier stage of this step found."""
        rows = read_table(folder, PLACES)
        parts = np.stack([rows.column(name).to_numpy() for name in ("part", "first", "documents")], axis=1)
        return Places(folder, parts, load_manifest(folder, PLACES.name).attachments)

    @property
    def count(self) -> int:
        """Documents of the run."""
        return int(self.parts[:, 2].sum())

    @cached_property
    def docs(self) -> npt.NDArray[np.uint64]:
        """The key of each document."""
        return self._array("docs.bin", np.uint64)

    @cached_property
    def places(self) -> npt.NDArray[np.int64]:
        """The rank of each document in survivor order."""
        return self._array("places.bin", np.int64)

    @cached_property
    def facts(self) -> npt.NDArray[Any]:
        """FACTS of each document."""
        return self._array("facts.bin", FACTS)

    def span(self, part: int) -> Range:
        """The ordinals of a part's documents."""
        at = int(np.searchsorted(self.parts[:, 0], part))
        _, first, documents = self.parts[at].tolist()
        return Range(first, first + documents)

    def _array(self, name: str, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        if not self.count:
            return np.zeros(0, dtype)
        return np.asarray(np.memmap(self.folder / self.files[name], dtype, "r"))


def look_up(values: npt.NDArray[Any], ordinals: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """values[ordinals], of a large file read in ascending order: once over it, instead of to and fro."""
    if values.nbytes <= _SMALL_FILE:
        return np.asarray(values[ordinals])
    order = np.argsort(ordinals, kind="stable")
    found = np.empty(len(ordinals), values.dtype)
    found[order] = values[ordinals[order]]
    return found


def order_documents(task: Task, output: Output) -> None:
    """Find the survivor order of all documents. Raises StepError where DOCUMENTS and SIGNATURES list other ones."""
    manifest = load_manifest(task.folder, SIGNATURES.name)
    rows = np.array([[entry.part, 0, entry.rows] for entry in manifest.files], np.int64).reshape(-1, 3)
    rows[:, 1] = np.cumsum(rows[:, 2]) - rows[:, 2]
    count = int(rows[:, 2].sum())
    with scratch_space(task) as work:
        docs = work.array("docs", np.uint64, count)
        for first, batch in _signatures(manifest.paths(task.folder), ["doc"]):
            docs[first : first + len(batch)] = batch["doc"].to_numpy()
        places = _places(task, docs, work)
        output.attach(PLACES, "docs.bin", docs.tofile)
        output.attach(PLACES, "places.bin", places.tofile)
    output.table(PLACES, pa.Table.from_arrays([pa.array(c) for c in rows.T], schema=PLACES.schema()))


def _places(task: Task, docs: npt.NDArray[np.uint64], work: Workspace) -> npt.NDArray[np.int64]:
    places = work.array("places", np.int64, len(docs))
    place = 0
    memory = min(task.memory_bytes // 2, max(_LEAST_SORT_BYTES, _SORT_BYTES * len(docs)))
    with connect_capped(memory, work.folder / "spill") as connection:
        for keys in survivor_keys(connection, task.inputs):
            found = np.searchsorted(docs, keys)
            if (found >= len(docs)).any() or (docs[found] != keys).any():
                raise StepError(
                    "documents and signatures do not list the same keys. Run from 'dedup' again with --rerun."
                )
            places[found] = np.arange(place, place + len(found))
            place += len(found)
    if place != len(docs):
        raise StepError(f"{place} documents, but {len(docs)} signatures. Run from 'dedup' again with --rerun.")
    return places


def gather_facts(task: Task, output: Output) -> None:
    """Write FACTS of every document, from SIGNATURES, the survivor order and the exact copies that were found."""
    places = Places.load(task.folder)
    signatures = load_manifest(task.folder, SIGNATURES.name).paths(task.folder)
    with scratch_space(task) as work:
        facts = work.array("facts", FACTS, places.count)
        for first, batch in _signatures(signatures, ["frame_hash", "num_shingles"]):
            some = slice(first, first + len(batch))
            facts["frame"][some] = halves(batch["frame_hash"])[0]
            facts["shingles"][some] = batch["num_shingles"].to_numpy()
            facts["place"][some] = places.places[some]
        for path in load_manifest(task.folder, CANDIDATES.name).paths(task.folder, unit="exact"):
            for batch in pq.ParquetFile(path).iter_batches(_ROWS, columns=["later"], use_threads=False):
                facts["place"][batch["later"].to_numpy()] = -1
        output.attach(PLACES, "facts.bin", facts.tofile)


def halves(hashes: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Both halves of 128-bit hashes."""
    buffer = np.frombuffer(hashes.buffers()[1], np.int64)[2 * hashes.offset : 2 * (hashes.offset + len(hashes))]
    return buffer[0::2], buffer[1::2]


def _signatures(files: tuple[Path, ...], columns: list[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """(ordinal of the first row, rows) of SIGNATURES."""
    first = 0
    for path in files:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS, columns=columns, use_threads=False):
                yield first, batch
                first += len(batch)
