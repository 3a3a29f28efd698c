"""Passages of every part, then which of them several documents share. It cuts nothing; `decide` does.

Lines and paragraphs: hashes per part, then groups by range of hash. Substrings: anchors per part, those that several
documents have by range of hash, windows over these per part, groups by range again, and what is left of a part's
windows is joined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa

from midmix.config.passages import Blocks, Substrings
from midmix.curation.clean import CleanDocuments, clean_documents
from midmix.curation.passages.groups import find_groups, passage_ids
from midmix.curation.passages.ranges import even_ranges, read_range
from midmix.curation.passages.runs import join_windows, shared_windows
from midmix.curation.passages.split import Passages, Unit, split_passages
from midmix.curation.passages.substrings import find_anchors, find_windows
from midmix.parts import Part
from midmix.step import Context
from midmix.table_manifest import load_manifest
from midmix.tables import (
    ANCHORS,
    DOCUMENTS,
    PASSAGES,
    REPEATED_PASSAGES,
    SHARED_ANCHORS,
    SHARED_WINDOWS,
    SPANS,
    Table,
    doc_key,
)
from midmix.task import JSON, Output, Task

VERSION = 1
# What a row takes while its range is read, sorted and grouped, in bytes.
_BYTES_PER_ROW = 250


def run(context: Context) -> None:
    """Write REPEATED_PASSAGES of the run, and what it is made from."""
    wanted = context.config.passages
    blocks = {"line": wanted.lines, "paragraph": wanted.paragraphs}
    _share_blocks(context, {unit: setting for unit, setting in blocks.items() if setting})
    _share_substrings(context, wanted.substrings)


def _of_part(context: Context, setting: Blocks | Substrings, part: Part) -> JSON:
    looked_for = setting.min_bytes if part.kind in setting.kinds else None
    return {"min_bytes": looked_for, "edits": sorted(context.config.edits)}


def _ranges(context: Context, table: Table, unit: str, settings: Mapping[str, JSON]) -> dict[str, JSON]:
    """Items of work over the ranges of a table's first column."""
    rows = sum(file.rows for file in load_manifest(context.folder, table.name).files if file.unit == unit)
    ranges = even_ranges(rows, _BYTES_PER_ROW, context.memory_bytes)
    return {
        f"{unit}-{number:05d}-of-{len(ranges):05d}": {"range": list(bounds), **settings}
        for number, bounds in enumerate(ranges)
    }


def _share_blocks(context: Context, wanted: Mapping[str, Blocks]) -> None:
    context.per_part(
        mark_blocks,
        writes=(PASSAGES,),
        units=lambda part: {unit: _of_part(context, setting, part) for unit, setting in wanted.items()},
        reads=(DOCUMENTS, SPANS),
    )
    for unit, setting in wanted.items():
        context.batches(
            share_blocks,
            writes=(REPEATED_PASSAGES,),
            items=_ranges(context, PASSAGES, unit, {"unit": unit, "min_documents": setting.min_documents}),
            groups={PASSAGES.name: [unit]},
        )


def _share_substrings(context: Context, wanted: Substrings | None) -> None:
    """Anchors, shared anchors, windows over them, shared windows, substrings; without a setting all of it empty."""

    def per_part(unit: str) -> Callable[[Part], dict[str, JSON]]:
        return lambda part: {unit: _of_part(context, wanted, part)} if wanted else {}

    context.per_part(mark_anchors, writes=(ANCHORS,), units=per_part("anchor"), reads=(DOCUMENTS, SPANS))
    items = _ranges(context, ANCHORS, "anchor", {}) if wanted else {}
    context.batches(share_anchors, writes=(SHARED_ANCHORS,), items=items, reads=(ANCHORS,))
    anchors = load_manifest(context.folder, SHARED_ANCHORS.name)
    context.per_part(
        mark_windows, writes=(PASSAGES,), units=per_part("window"), reads=(DOCUMENTS, SPANS), over_text=False,
        extra=anchors.paths(context.folder), inputs={"anchors": anchors.digest},
    )  # fmt: skip
    items = _ranges(context, PASSAGES, "window", {}) if wanted else {}
    context.batches(share_windows, writes=(SHARED_WINDOWS,), items=items, groups={PASSAGES.name: ["window"]})
    windows = load_manifest(context.folder, SHARED_WINDOWS.name)
    context.per_part(
        join_part, writes=(REPEATED_PASSAGES,), units={"substring": {}} if wanted else {}, over_text=False,
        extra=windows.paths(context.folder), inputs={"windows": windows.digest},
    )  # fmt: skip


def _read_part(task: Task, edits: list[str], output: Output) -> CleanDocuments:
    documents = clean_documents(task, edits)
    output.read_text(documents.num_bytes)
    output.count(documents.source, len(documents.keys), len(documents.keys))
    return documents


def _rows(documents: CleanDocuments, found: Passages) -> pa.Table:
    """Rows of PASSAGES, unsorted."""
    columns = [
        found.hashes,
        found.checks,
        documents.keys[found.documents],
        documents.raw_starts(found.documents, found.starts),
        documents.raw_ends(found.documents, found.ends),
    ]
    return pa.table([pa.array(column) for column in columns], schema=PASSAGES.schema())


def _sorted(rows: pa.Table, names: tuple[str, ...]) -> pa.Table:
    return rows.take(pa.array(np.lexsort([rows.column(name).to_numpy() for name in reversed(names)])))


def mark_blocks(task: Task, output: Output) -> None:
    """Lines and paragraphs of one part's clean text."""
    documents = _read_part(task, next(iter(task.units.values()))["edits"], output)
    for unit, settings in task.units.items():
        if settings["min_bytes"] is None:
            output.table(PASSAGES, PASSAGES.schema().empty_table(), unit=unit)
            continue
        found = split_passages(documents.texts, cast(Unit, unit), settings["min_bytes"])
        output.table(PASSAGES, _sorted(_rows(documents, found), PASSAGES.key), unit=unit)


def share_blocks(task: Task, output: Output) -> None:
    """Lines or paragraphs of one range of hashes that enough documents have."""
    rows = read_range(task.inputs[PASSAGES.name], PASSAGES.schema(), *task.settings["range"])
    groups = find_groups(rows, task.settings["min_documents"])
    chosen = rows.take(pa.array(groups.rows))
    names = passage_ids(chosen.column("hash").to_numpy(), chosen.column("check").to_numpy())
    columns = [
        pa.array([task.settings["unit"]] * len(chosen), pa.string()),
        names,
        *(chosen.column(name) for name in ("doc", "start_byte", "end_byte")),
        pa.array(groups.documents),
    ]
    output.table(REPEATED_PASSAGES, pa.table(columns, schema=REPEATED_PASSAGES.schema()))


def mark_anchors(task: Task, output: Output) -> None:
    """Anchors of one part's clean text."""
    documents = _read_part(task, task.settings["edits"], output)
    rows = ANCHORS.schema().empty_table()
    if task.settings["min_bytes"] is not None:
        found = find_anchors(documents.texts, task.settings["min_bytes"])
        columns = [found.hashes, documents.keys[found.documents], found.starts]
        rows = _sorted(pa.table([pa.array(c) for c in columns], schema=ANCHORS.schema()), ANCHORS.key)
    output.table(ANCHORS, rows, unit="anchor")


def share_anchors(task: Task, output: Output) -> None:
    """Anchors of one range of hashes that several documents have."""
    rows = read_range(task.inputs[ANCHORS.name], ANCHORS.schema(), *task.settings["range"])
    names = ["hash", "check", "doc", "start_byte"]
    groups = find_groups(pa.table([rows["hash"], rows["hash"], rows["doc"], rows["anchor"]], names=names), 2)
    shared = rows.take(pa.array(groups.rows)).select(SHARED_ANCHORS.schema().names)
    output.table(SHARED_ANCHORS, _sorted(shared, SHARED_ANCHORS.key))


def _of_documents(files: tuple[Path, ...], schema: pa.Schema, part: Part, names: tuple[str, ...]) -> pa.Table:
    return _sorted(read_range(files, schema, doc_key(part.id, 0), doc_key(part.id + 1, 0)), names)


def mark_windows(task: Task, output: Output) -> None:
    """Windows of one part over anchors that other documents have."""
    assert task.part is not None
    settings = task.settings
    rows = [PASSAGES.schema().empty_table()]
    shared = _of_documents(task.extra, SHARED_ANCHORS.schema(), task.part, SHARED_ANCHORS.key)
    if settings["min_bytes"] is not None and shared.num_rows:
        documents = _read_part(task, settings["edits"], output)
        ordinals = np.searchsorted(documents.keys, shared.column("doc").to_numpy())
        anchors = np.column_stack([ordinals, shared.column("anchor").to_numpy()])
        rows += [_rows(documents, found) for found in find_windows(documents.texts, settings["min_bytes"], anchors)]
    output.table(PASSAGES, _sorted(pa.concat_tables(rows), PASSAGES.key), unit="window")


def share_windows(task: Task, output: Output) -> None:
    """Windows of one range of hashes that several documents have."""
    rows = read_range(task.inputs[PASSAGES.name], PASSAGES.schema(), *task.settings["range"])
    output.table(SHARED_WINDOWS, shared_windows(rows, find_groups(rows, 2)))


def join_part(task: Task, output: Output) -> None:
    """Substrings of one part's documents."""
    assert task.part is not None
    windows = _of_documents(task.extra, SHARED_WINDOWS.schema(), task.part, SHARED_WINDOWS.key)
    output.table(REPEATED_PASSAGES, join_windows(windows), unit="substring")
