"""apply: the text of kept documents with the edits in force and the cuts of `decide` carried out, once, and checked again.

They are united, so what two of them take is taken once. They may leave nothing of a document: it is dropped here, with a
reason of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from midmix.curation.clean import CleanDocuments, clean_documents, is_blank, text_buffers
from midmix.errors import StepError
from midmix.step import Context
from midmix.tables import CURATED, CUTS, DECISIONS, DOCUMENTS, HASH, LABELS, SPANS
from midmix.task import Output, Task

VERSION = 2
EMPTY = "edit.empty"


def run(context: Context) -> None:
    """Write CURATED, one file per part; only parts whose decisions, spans, cuts or labels changed are done again."""
    context.per_part(
        apply_part,
        writes=(CURATED,),
        units={"": {"edits": list(context.config.edits)}},
        reads=(DOCUMENTS, SPANS, DECISIONS, CUTS),
        groups={"": {LABELS.name: ("kind",)}},
    )


def apply_part(task: Task, output: Output) -> None:
    """Write the kept documents of the task's part."""
    assert task.part is not None
    documents = clean_documents(task, task.settings["edits"])
    output.read_text(documents.num_bytes)
    kept = np.flatnonzero(_keep(task, documents.keys))
    texts = documents.texts.take(pa.array(kept))
    empty = is_blank(texts)
    rows, texts = kept[~empty], texts.filter(pa.array(~empty))
    _count(task, output, documents, rows, kept[empty])
    output.table(CURATED, _curated(documents, rows, texts, _kinds(task.inputs[LABELS.name], documents)))


def _keep(task: Task, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    decisions = _read(task.inputs[DECISIONS.name], ["doc", "keep"])
    if not np.array_equal(decisions["doc"].to_numpy(), keys):
        raise StepError(
            f"{task.item}: decisions are not those of its {len(keys)} documents; run the step 'decide' again"
        )
    keep: npt.NDArray[np.bool_] = decisions["keep"].to_numpy()
    return keep


def _read(files: Sequence[Path], columns: list[str]) -> pa.Table:
    tables = [pq.read_table(path, columns=columns) for path in files]
    empty = pa.table({"doc": pa.array([], pa.uint64()), **{c: pa.array([], pa.bool_()) for c in columns if c != "doc"}})
    return pa.concat_tables(tables) if tables else empty


def _kinds(label_files: Sequence[Path], documents: CleanDocuments) -> pa.Array:
    """Kind in force of every document: the label's, else the source's."""
    for path in label_files:
        if "kind" in pq.read_schema(path).names:
            kinds = pq.read_table(path, columns=["kind"]).column("kind").combine_chunks()
            return pc.fill_null(kinds, documents.kind)
    return pa.array([documents.kind] * len(documents.keys), pa.string())


def content_hashes(texts: pa.LargeStringArray) -> pa.FixedSizeBinaryArray:
    """BLAKE2b-128 of the UTF-8 of each text."""
    offsets, data = text_buffers(texts)
    view = data.data
    digests = [
        hashlib.blake2b(view[start:stop], digest_size=16).digest()
        for start, stop in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    ]
    return pa.array(digests, HASH)


def _curated(
    documents: CleanDocuments, rows: npt.NDArray[np.int64], texts: pa.LargeStringArray, kinds: pa.Array
) -> pa.Table:
    removed = sum(documents.removed_bytes.values(), np.zeros(len(documents.keys), np.int64))
    columns = [
        pa.array(documents.keys[rows]),
        pa.array([documents.source] * len(rows), pa.string()),
        kinds.take(pa.array(rows)),
        texts,
        content_hashes(texts),
        pc.binary_length(texts).cast(pa.int64()),
        pa.array(removed[rows]),
    ]
    return pa.Table.from_arrays(columns, schema=CURATED.schema())


def _count(
    task: Task, output: Output, documents: CleanDocuments, rows: npt.NDArray[np.int64], empty: npt.NDArray[np.int64]
) -> None:
    raw_bytes = _read(task.inputs[DOCUMENTS.name], ["doc", "num_bytes"])["num_bytes"].to_numpy()
    dropped = {EMPTY: (len(empty), int(raw_bytes[empty].sum()))} if len(empty) else {}
    output.count(documents.source, len(rows) + len(empty), len(rows), dropped)
    for reason, taken in documents.removed_bytes.items():
        output.removed_bytes(documents.source, f"edit.{reason}", int(taken[rows].sum()))
