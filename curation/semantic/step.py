"""Embeddings of every part, cells with frozen centres, then pairs by range of cells. It drops nothing; `decide` does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from midmix.config.semantic import Semantic
from midmix.curation.clean import clean_documents, is_blank
from midmix.curation.order import survivor_keys
from midmix.curation.semantic.cells import DOCUMENTS_PER_CELL, SAMPLE_PER_CELL, make_centres, nearest
from midmix.curation.semantic.embed import Vectors, column_vectors, directions, load_encoder, model_hash, text_vectors
from midmix.curation.semantic.pairs import alike
from midmix.errors import InputError
from midmix.frozen import frozen_artefact
from midmix.parts import document_keys
from midmix.query import connect_capped
from midmix.step import Context
from midmix.table_manifest import load_manifest
from midmix.tables import (
    CELLS,
    DOCUMENTS,
    EMBEDDINGS,
    PARTS,
    SEMANTIC_PAIRS,
    SOURCES,
    SPANS,
    SURVIVOR_SCORES,
)
from midmix.task import ArtefactRecord, Output, Task

VERSION = 1
CENTRES = "semantic:centres"
SETTING = "semantic.model"
# What a document of a cell takes beside its embedding while the cell is compared, in bytes.
_BYTES_PER_DOCUMENT = 20_000


def run(context: Context) -> None:
    """Write SEMANTIC_PAIRS of the run, and what it is made from; nothing where the config has no `semantic`."""
    wanted = context.config.semantic
    units = {"": _embedding_settings(context, wanted)} if wanted else {}
    context.per_part(
        embed_part, writes=(EMBEDDINGS,), units=units, reads=(DOCUMENTS, SPANS), extra=_model(context, wanted)
    )
    rows = sum(file.rows for file in load_manifest(context.folder, EMBEDDINGS.name).files)
    centres = _centres(context, wanted) if wanted and rows else None
    context.per_part(
        place_part, writes=(CELLS,), units={"cells": {}} if centres else {}, reads=(EMBEDDINGS,), over_text=False,
        extra=centres, inputs={"centres": centres.name} if centres else {},
    )  # fmt: skip
    context.batches(
        pair_cells,
        writes=(SEMANTIC_PAIRS,),
        items=_cell_ranges(context, wanted, centres) if wanted and centres else {},
        reads=(CELLS, DOCUMENTS, PARTS, SOURCES, SURVIVOR_SCORES),
    )


def _model(context: Context, wanted: Semantic | None) -> Path | None:
    return Path(context.config.resolve(wanted.model)) if wanted and wanted.model else None


def _embedding_settings(context: Context, wanted: Semantic) -> dict[str, object]:
    edits = sorted(context.config.edits)
    folder = _model(context, wanted)
    if folder is None:
        return {"column": wanted.column, "edits": edits}
    return {"model": model_hash(folder, SETTING), "max_tokens": wanted.max_tokens, "edits": edits}


def embed_part(task: Task, output: Output) -> None:
    """Directions of the embeddings of one part's documents."""
    assert task.part is not None
    settings = task.settings
    if task.extra is None:
        keys = document_keys(task.inputs[DOCUMENTS.name])
        known, vectors = column_vectors(task.part, settings["column"], keys)
    else:
        documents = clean_documents(task, settings["edits"])
        output.read_text(documents.num_bytes)
        keys, known = documents.keys, ~is_blank(documents.texts)
        texts = documents.texts.filter(pa.array(known))
        vectors = text_vectors(load_encoder(task.extra, settings["model"], SETTING), texts, settings["max_tokens"])
    kept, vectors = directions(vectors)
    output.table(EMBEDDINGS, _with_vectors([pa.array(keys[known][kept])], vectors, EMBEDDINGS.schema()))


def _with_vectors(columns: Sequence[pa.Array], vectors: Vectors, schema: pa.Schema) -> pa.Table:
    width = vectors.shape[1] if vectors.ndim == 2 else 0
    lists = pa.ListArray.from_arrays(
        pa.array(np.arange(len(vectors) + 1, dtype=np.int32) * np.int32(width)), pa.array(vectors.reshape(-1))
    )
    return pa.table([*columns, lists], schema=schema)


def _vectors(rows: pa.Table) -> Vectors:
    values = rows.column("embedding").combine_chunks()
    flat = values.flatten().to_numpy()
    width = len(flat) // max(1, len(rows))
    if (values.value_lengths().to_numpy() != width).any():
        raise InputError("embeddings of the run's sources have different lengths; they must come from one model")
    return np.asarray(flat.reshape(len(rows), width))


def _centres(context: Context, wanted: Semantic) -> Path:
    """The frozen centres, made from the documents with the smallest content hashes."""
    asked = {"embedding": _embedding_settings(context, wanted), "cells": wanted.cells, "seed": wanted.seed}

    def make(path: Path) -> ArtefactRecord:
        rows = sum(file.rows for file in load_manifest(context.folder, EMBEDDINGS.name).files)
        cells = wanted.cells or -(-rows // DOCUMENTS_PER_CELL)
        sample = _sample(context, cells * SAMPLE_PER_CELL)
        centres = make_centres(sample, cells, wanted.seed)
        with path.open("wb") as stream:
            np.save(stream, centres, allow_pickle=False)
        made = {"cells": len(centres), "sample": len(sample), "sources": list(context.config.sources)}
        return ArtefactRecord(None, made)

    # A source that comes later finds them as they are, so what is asked names none.
    return frozen_artefact(context, CENTRES, asked, (), make)


def _sample(context: Context, count: int) -> Vectors:
    hashes = [pq.read_table(path, columns=["content_hash", "doc"]) for path in context.files(DOCUMENTS)]
    first = pa.concat_tables(hashes).sort_by([("content_hash", "ascending"), ("doc", "ascending")]).slice(0, count)
    wanted = first.column("doc").to_numpy()
    found = [EMBEDDINGS.schema().empty_table()]
    for path in context.files(EMBEDDINGS):
        rows = pq.read_table(path)
        found.append(rows.filter(pa.array(np.isin(rows.column("doc").to_numpy(), wanted))))
    chosen = pa.concat_tables(found)
    place = {int(key): number for number, key in enumerate(wanted)}
    order = np.argsort([place[int(key)] for key in chosen.column("doc").to_numpy()])
    return _vectors(chosen.take(pa.array(order)))


def place_part(task: Task, output: Output) -> None:
    """The cell of each document of one part that has an embedding."""
    rows = pa.concat_tables([EMBEDDINGS.schema().empty_table(), *map(pq.read_table, task.inputs[EMBEDDINGS.name])])
    vectors = _vectors(rows)
    centres = np.load(task.extra, allow_pickle=False)
    if len(rows) and vectors.shape[1] != centres.shape[1]:
        raise InputError(
            f"{task.item}: embeddings of {vectors.shape[1]} numbers, but the run's are of {centres.shape[1]}; "
            f"all sources must have been embedded by one model"
        )
    cells = nearest(centres, vectors) if len(rows) else np.zeros(0, np.int64)
    order = np.argsort(cells, kind="stable")
    keys = rows.column("doc").to_numpy()[order]
    output.table(
        CELLS, _with_vectors([pa.array(cells[order]), pa.array(keys)], vectors[order], CELLS.schema()), unit="cells"
    )


def _cell_ranges(context: Context, wanted: Semantic, centres: Path) -> dict[str, object]:
    """Runs of cells for tasks that take no more than their memory, if cells are of about one size."""
    cells, width = np.load(centres, allow_pickle=False, mmap_mode="r").shape
    rows = sum(file.rows for file in load_manifest(context.folder, CELLS.name).files)
    count = min(cells, max(1, -(-rows * (4 * width * 4 + _BYTES_PER_DOCUMENT) // context.memory_bytes)))
    bounds = [cells * number // count for number in range(count + 1)]
    return {
        f"cells-{number:05d}-of-{count:05d}": {"range": bounds[number : number + 2], "cosine": wanted.cosine}
        for number in range(count)
    }


def pair_cells(task: Task, output: Output) -> None:
    """Pairs of the documents of some cells."""
    low, high = task.settings["range"]
    tables = [CELLS.schema().empty_table()]
    for path in task.inputs[CELLS.name]:
        tables.append(pq.read_table(path, filters=[("cell", ">=", low), ("cell", "<", high)]))
    rows = pa.concat_tables(tables)
    places = _places(task, np.sort(rows.column("doc").to_numpy()))
    cells, keys = rows.column("cell").to_numpy(), rows.column("doc").to_numpy()
    order = np.lexsort((places[np.searchsorted(np.sort(keys), keys)], cells))
    cells, keys, vectors = cells[order], keys[order], _vectors(rows)[order]
    found = [SEMANTIC_PAIRS.schema().empty_table()]
    opens = np.flatnonzero(np.diff(cells, prepend=-1))
    for start, stop in pairwise([*opens.tolist(), len(cells)]):
        found.append(_pairs(keys[start:stop], *alike(vectors[start:stop], task.settings["cosine"])))
    output.table(SEMANTIC_PAIRS, pa.concat_tables(found).sort_by([("doc", "ascending"), ("earlier", "ascending")]))


def _places(task: Task, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Place of each key (ascending) in survivor order among them: int64 [n]."""
    places = np.zeros(len(keys), np.int64)
    done = 0
    with connect_capped(task.memory_bytes // 4, task.scratch / f"semantic-{os.getpid()}") as connection:
        for some in survivor_keys(connection, task.inputs, keys):
            places[np.searchsorted(keys, some)] = np.arange(done, done + len(some))
            done += len(some)
    return places


def _pairs(
    keys: npt.NDArray[np.uint64],
    later: npt.NDArray[np.int64],
    earlier: npt.NDArray[np.int64],
    cosine: npt.NDArray[np.float64],
) -> pa.Table:
    nothing = pa.nulls(len(later), pa.float64())
    columns = [pa.array(keys[later]), pa.array(keys[earlier]), pa.array(["semantic"] * len(later), pa.string()),
               nothing, nothing, pa.array(cosine)]  # fmt: skip
    return pa.table(columns, schema=SEMANTIC_PAIRS.schema())
