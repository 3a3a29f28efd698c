"""The clean text: raw text with the edits in force applied as it is read.

Spans are in bytes of the raw text and are never stored applied: applying them runs ten times faster than decoding
parquet. Overlaps are united; where a removal and a mask meet, the removal wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from midmix.jit import njit
from midmix.parts import ROW_MASK, Documents, Part, read_rows
from midmix.table_files import read_file
from midmix.tables import SPANS, TEXT
from midmix.task import Task, read_documents

REMOVE = -1
# A line of policy text is boilerplate in a web page, and a licence header in code; C4 strips lines of their indent.
PROSE_ONLY = ("boilerplate.", "c4")


@dataclass(frozen=True)
class CleanDocuments(Documents):
    """Documents whose text is clean, with the raw bytes that each edit took: reason to int64 [n].

    carried_out: int64 [m, 4], the edits by document: its ordinal, first raw byte, raw byte after the last, and bytes
    of what stands there instead.
    """

    removed_bytes: dict[str, npt.NDArray[np.int64]]
    carried_out: npt.NDArray[np.int64]

    def raw_starts(self, ordinals: npt.NDArray[np.int64], places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Raw bytes of the clean bytes `places` of documents `ordinals`, where spans start: behind what was cut there."""
        return np.asarray(_to_raw(self.carried_out, ordinals, places, False))

    def raw_ends(self, ordinals: npt.NDArray[np.int64], places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The same where spans end: before what was cut there. A place within a mask is the end of what it masks."""
        return np.asarray(_to_raw(self.carried_out, ordinals, places, True))


def edits_in_force(edits: Sequence[str], kind: str) -> tuple[str, ...]:
    """The reasons among `edits` that are carried out on documents of this kind."""
    return tuple(e for e in edits if kind == "prose" or not e.startswith(PROSE_ONLY))


def clean_documents(task: Task, edits: Sequence[str]) -> CleanDocuments:
    """The readable documents of the task's part as clean text; the task must read DOCUMENTS and SPANS.

    Where it reads CUTS these are carried out as well, all of them, at once with the edits.
    """
    raw = read_documents(task)
    return apply_edits(raw, task.inputs["spans"], edits, task.inputs.get("cuts", ()))


def clean_rows(
    part: Part, keys: npt.NDArray[np.uint64], span_files: Sequence[Path], edits: Sequence[str]
) -> pa.LargeStringArray:
    """Clean text of some documents of one part (keys ascending); `span_files` are the part's files of SPANS."""
    texts = read_rows(part, (keys & np.uint64(ROW_MASK)).astype(np.int64))
    raw = Documents(keys, texts, part.source, part.kind, texts.nbytes)
    return apply_edits(raw, span_files, edits).texts


def apply_edits(
    raw: Documents, span_files: Sequence[Path], edits: Sequence[str], cut_files: Sequence[Path] = ()
) -> CleanDocuments:
    """Carry out the edits in force, and all cuts, on raw text. Pure but for reading both."""
    cuts = _read_spans(cut_files)
    chosen = (*edits_in_force(edits, raw.kind), *pc.unique(cuts["reason"]).sort().to_pylist())
    spans = pa.concat_tables([_read_spans(span_files, edits_in_force(edits, raw.kind)), cuts])
    index = np.searchsorted(raw.keys, spans["doc"].to_numpy())
    known = index < len(raw.keys)
    known[known] = raw.keys[index[known]] == spans["doc"].to_numpy()[known]
    spans = spans.filter(pa.array(known))
    index = index[known].astype(np.int64)
    removed = {reason: np.zeros(len(raw.keys), np.int64) for reason in chosen}
    if not len(index):
        return CleanDocuments(
            raw.keys, raw.texts, raw.source, raw.kind, raw.num_bytes, removed, np.zeros((0, 4), np.int64)
        )
    replacements = _codes(spans["replacement"])
    texts, united, taken = edit_texts(
        raw.texts,
        index,
        spans["start_byte"].to_numpy(),
        spans["end_byte"].to_numpy(),
        replacements,
        _codes(spans["reason"], list(chosen)),
    )
    for number, reason in enumerate(chosen):
        mine = united[:, 4] == number
        np.add.at(removed[reason], united[mine, 0], taken[mine])
    lengths = np.array([*(len(word.encode()) for word in replacements[1]), 0], np.int64)  # the last: removed
    carried_out = np.column_stack([united[:, :3], lengths[united[:, 3]]])
    return CleanDocuments(raw.keys, texts, raw.source, raw.kind, raw.num_bytes, removed, carried_out)


def _read_spans(files: Sequence[Path], reasons: Sequence[str] | None = None) -> pa.Table:
    """Rows of SPANS or CUTS; of some reasons alone where they are given."""
    tables = [read_file(path).cast(SPANS.schema()) for path in files]
    spans = pa.concat_tables([SPANS.schema().empty_table(), *tables])
    return spans if reasons is None else spans.filter(pc.is_in(spans["reason"], pa.array(reasons, pa.string())))


def _codes(column: pa.ChunkedArray, values: list[str] | None = None) -> Any:
    """Replacements as (codes, texts) with REMOVE for NULL; or reasons as their place in `values`."""
    if values is not None:
        return pc.index_in(column, pa.array(values, pa.string())).to_numpy().astype(np.int64)
    texts = sorted({text for text in column.to_pylist() if text is not None})
    codes = pc.fill_null(pc.index_in(column, pa.array(texts, pa.string()), skip_nulls=True), REMOVE)
    return codes.to_numpy().astype(np.int64), texts


def edit_texts(
    texts: pa.LargeStringArray,
    index: npt.NDArray[np.int64],
    start: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
    replacements: tuple[npt.NDArray[np.int64], list[str]],
    reasons: npt.NDArray[np.int64],
) -> tuple[pa.LargeStringArray, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Apply spans (sorted by document index and start byte) to texts.

    Returns the edited texts, the united spans as int64 [m, 5] (document index, start, end, code of the replacement,
    reason), and the bytes each took.
    """
    codes, words = replacements
    word_bytes = [w.encode() for w in words]
    word_offsets = np.concatenate([[0], np.cumsum([len(w) for w in word_bytes])]).astype(np.int64)
    word_data = np.frombuffer(b"".join(word_bytes) or b"\0", np.uint8)
    order = np.lexsort((start, index))
    united = _unite(index[order], start[order], end[order], codes[order], reasons[order])
    offsets, data = text_buffers(texts)
    new_offsets, new_data = _splice(offsets, data, united, word_offsets, word_data)
    edited = pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(new_offsets), pa.py_buffer(new_data))
    return edited, united, united[:, 2] - united[:, 1]


def is_blank(texts: pa.LargeStringArray) -> npt.NDArray[np.bool_]:
    """Whether each text has nothing but Unicode white space: bool[n]."""
    left = pc.binary_length(pc.utf8_ltrim_whitespace(texts))
    return np.asarray(left.to_numpy(zero_copy_only=False) == 0)


def text_buffers(texts: pa.LargeStringArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """The Arrow buffers of texts without NULLs: int64 offsets [n + 1] into the UTF-8 bytes."""
    if texts.type != TEXT:
        texts = texts.cast(TEXT)
    _, offsets, data = texts.buffers()
    first = (
        np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
        if len(texts)
        else np.zeros(1, np.int64)
    )
    return first, np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)


@njit
def _unite(index, start, end, code, reason):  # type: ignore[no-untyped-def]
    united = np.empty((len(index), 5), np.int64)
    count = 0
    for i in range(len(index)):
        last = count - 1
        if count and united[last, 0] == index[i] and start[i] < united[last, 2]:
            united[last, 2] = max(united[last, 2], end[i])
            if code[i] == -1 and united[last, 3] != -1:
                united[last, 3] = -1
                united[last, 4] = reason[i]
        else:
            united[count, 0] = index[i]
            united[count, 1] = start[i]
            united[count, 2] = end[i]
            united[count, 3] = code[i]
            united[count, 4] = reason[i]
            count += 1
    return united[:count].copy()


@njit
def _splice(offsets, data, united, word_offsets, word_data):  # type: ignore[no-untyped-def]
    total = offsets[-1] - offsets[0]
    for i in range(len(united)):
        total -= united[i, 2] - united[i, 1]
        if united[i, 3] >= 0:
            total += word_offsets[united[i, 3] + 1] - word_offsets[united[i, 3]]
    new_offsets = np.empty(len(offsets), np.int64)
    new_data = np.empty(total, np.uint8)
    new_offsets[0] = 0
    at = 0
    span = 0
    for document in range(len(offsets) - 1):
        read = offsets[document]
        stop = offsets[document + 1]
        while span < len(united) and united[span, 0] == document:
            cut = offsets[document] + united[span, 1]
            new_data[at : at + cut - read] = data[read:cut]
            at += cut - read
            word = united[span, 3]
            if word >= 0:
                length = word_offsets[word + 1] - word_offsets[word]
                new_data[at : at + length] = word_data[word_offsets[word] : word_offsets[word + 1]]
                at += length
            read = offsets[document] + united[span, 2]
            span += 1
        new_data[at : at + stop - read] = data[read:stop]
        at += stop - read
        new_offsets[document + 1] = at
    return new_offsets, new_data


@njit
def _to_raw(carried_out, ordinals, places, is_end):  # type: ignore[no-untyped-def]
    out = np.empty(len(ordinals), np.int64)
    for i in range(len(ordinals)):
        span = np.searchsorted(carried_out[:, 0], ordinals[i])
        place = places[i]
        shift = 0
        while span < len(carried_out) and carried_out[span, 0] == ordinals[i]:
            start, end, instead = carried_out[span, 1], carried_out[span, 2], carried_out[span, 3]
            opens = start - shift
            if place < opens or (is_end and place == opens):
                break
            if place < opens + instead or (is_end and place == opens + instead):
                place = end - shift if is_end else opens
                break
            shift += end - start - instead
            span += 1
        out[i] = place + shift
    return out


def warm_up() -> None:
    """Compile the kernels of this module."""
    one = np.zeros(1, np.int64)
    edit_texts(pa.array(["ab"], TEXT), one, one, one + 1, (one, ["x"]), one)
    for is_end in (False, True):
        _to_raw(np.zeros((1, 4), np.int64), one, one, is_end)
