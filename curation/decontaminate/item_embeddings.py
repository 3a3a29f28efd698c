"""ITEM_EMBEDDINGS: the direction of each text of a set that windows of documents are compared with, made once a set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from midmix.curation.clean import text_buffers
from midmix.curation.decontaminate.fields import field_texts
from midmix.curation.decontaminate.index import AlignmentIndex, SetIndex, combine, index_items
from midmix.curation.decontaminate.tokens import tokenize
from midmix.curation.decontaminate.windows import Spans, item_spans, size_for, span_texts
from midmix.curation.semantic.embed import Vectors, check_length, directions, load_encoder, text_vectors
from midmix.tables import EVALUATION_ITEMS, ITEM_EMBEDDINGS
from midmix.task import Output, Task

SETTING = "leaks.embeddings.model"
# Columns of anchors, the spans of items that are embedded: piece, first token and token after the last, counted from
# the set's first, size of the windows that they are compared with.
PIECE, FIRST, LAST, SIZE = range(4)


@dataclass(frozen=True)
class EmbeddedSet:
    """One set: its index for alignments; anchors int64 [n, 4], and their directions float32 [n, dimensions]."""

    alignment: AlignmentIndex
    anchors: Spans
    vectors: Vectors


def set_anchors(index: SetIndex) -> Spans:
    """int64 [n, 4]: what is embedded of a set's fields that can be told from chance, by piece."""
    pieces = index.pieces
    rows = [
        (number, low, high, size_for(high - low))
        for number, field in enumerate(pieces["fields"].tolist())
        if index.is_long[field]
        for low, high in item_spans(int(pieces["starts"][number]), int(pieces["ends"][number]))
    ]
    return np.array(rows, np.int64).reshape(-1, 4)


def anchor_texts(index: SetIndex, anchors: Spans) -> pa.LargeStringArray:
    """The text of each anchor."""
    texts = field_texts(index.fields)
    _, tokens = tokenize(texts)
    return span_texts(text_buffers(texts)[1], tokens.begins, tokens.ends, anchors[:, FIRST], anchors[:, LAST])


def embed_items(task: Task, output: Output) -> None:
    """The directions of one set's anchors; without a row where the model has none."""
    files, folder = task.extra
    settings = task.settings
    encoder = load_encoder(folder, settings["model"], SETTING)
    check_length(encoder, settings["max_tokens"], f"{SETTING} {folder}")
    index = index_items(settings["set"], _of_set(files, EVALUATION_ITEMS.schema(), settings["set"]))
    anchors = set_anchors(index)
    known, vectors = directions(text_vectors(encoder, anchor_texts(index, anchors), settings["max_tokens"]))
    numbers = np.flatnonzero(known)
    width = vectors.shape[1]
    lists = pa.ListArray.from_arrays(
        pa.array(np.arange(len(vectors) + 1, dtype=np.int32) * np.int32(width)), pa.array(vectors.reshape(-1))
    )
    columns = [pa.array([settings["set"]] * len(numbers), pa.string()), pa.array(numbers), lists]
    output.table(ITEM_EMBEDDINGS, pa.table(columns, schema=ITEM_EMBEDDINGS.schema()))


def _of_set(files: tuple[Path, ...], schema: pa.Schema, name: str) -> pa.Table:
    rows = pa.concat_tables([schema.empty_table(), *map(pq.read_table, files)])
    return rows.filter(pc.equal(rows.column("set"), name))


def load_set(items: pa.Table, files: tuple[Path, ...], name: str) -> EmbeddedSet:
    """One set from rows of EVALUATION_ITEMS and the files of ITEM_EMBEDDINGS."""
    index = index_items(name, items.filter(pc.equal(items.column("set"), name)))
    rows = _of_set(files, ITEM_EMBEDDINGS.schema(), name)
    flat: npt.NDArray[np.float32] = rows.column("embedding").combine_chunks().flatten().to_numpy()
    vectors = flat.reshape(len(rows), -1) if len(rows) else np.zeros((0, 0), np.float32)
    return EmbeddedSet(combine([index]), set_anchors(index)[rows.column("anchor").to_numpy()], vectors)
