"""Texts that differ in numbers alone: how many of them may stay."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from midmix.curation.decide.one_pass import THINNED, WAITING
from midmix.curation.dedup.exchange import Workspace
from midmix.errors import StepError
from midmix.jit import njit

CHUNK_ROWS = 16_384
DRAW = np.dtype([("template", np.int64), ("hash", np.uint64), ("place", np.int64)])
# Roots that are whole numbers come out a little above them: 4 texts of 64 stay for the exponent 1/3, not 5.
_EPSILON = 1e-9


@dataclass(frozen=True)
class TemplatePolicy:
    """At most `cap` documents of a template stay, or size ** `exponent` of its distinct texts; None lets all stay.

    `content_hashes` gives, by ordinal, numbers that follow from the raw text alone; thinning draws by them.
    """

    cap: int | None = None
    exponent: float | None = None
    content_hashes: Callable[[], npt.NDArray[np.uint64]] | None = None


KEEP_ALL = TemplatePolicy()


def load_content_hashes(files: Sequence[Path], keys: npt.NDArray[np.uint64], work: Workspace) -> npt.NDArray[np.uint64]:
    """First 8 bytes of the content hash of some documents (`keys`, ascending), from files of DOCUMENTS; on disk."""
    found = work.array("content_hashes", np.uint64, len(keys))
    known = 0
    for path in files:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(CHUNK_ROWS, columns=["doc", "content_hash"], use_threads=False):
                docs = batch["doc"].to_numpy()
                at = np.searchsorted(keys, docs)
                mine = at < len(keys)
                mine[mine] = keys[at[mine]] == docs[mine]
                found[at[mine]] = _first_halves(batch["content_hash"])[mine]
                known += int(np.count_nonzero(mine))
    if known != len(keys):
        raise StepError(f"{len(keys)} documents have pairs, but {known} of them are listed. Run from 'dedup' again.")
    return found


def _first_halves(hashes: pa.Array) -> npt.NDArray[np.uint64]:
    halves = np.frombuffer(hashes.buffers()[1], ">u8")[2 * hashes.offset : 2 * (hashes.offset + len(hashes))]
    return halves[::2].astype(np.uint64)


def thin(
    state: npt.NDArray[np.uint8],
    text: npt.NDArray[np.int64],
    template: npt.NDArray[np.int64],
    policy: TemplatePolicy,
    order: npt.NDArray[np.int64],
    work: Workspace,
) -> None:
    """Set THINNED for all copies of the texts that do not stay: of the n distinct texts of a template that wait,
    ceil(n ** exponent) stay, those whose first waiting copy has the lowest content hash.

    By place: state; text: first place of the same text; template: its number, or -1.
    """
    assert policy.exponent is not None and policy.content_hashes is not None
    count = len(state)
    hashes = policy.content_hashes()
    seen, gone = work.array("thin_seen", np.bool_, count), work.array("thin_gone", np.bool_, count)
    size, taken = work.array("thin_size", np.int64, count), work.array("thin_taken", np.int64, count)
    draws = work.exchange("draws", DRAW, count)
    for start in range(0, count, CHUNK_ROWS):
        some = slice(start, start + CHUNK_ROWS)
        places = start + np.flatnonzero((state[some] == WAITING) & (template[some] >= 0))
        texts, first = np.unique(text[places], return_index=True)
        places = places[first[~seen[texts]]]
        seen[texts] = True
        np.add.at(size, template[places], 1)
        draws.append(template[places], hashes[order[places]], places)
    for records in draws.sorted_ranges():
        for n in np.unique(size[records["template"]]).tolist():
            mine = records[size[records["template"]] == n]
            quota = math.ceil(n**policy.exponent - _EPSILON)
            _draw(mine["template"].copy(), text[mine["place"]], quota, taken, gone)
    for start in range(0, count, CHUNK_ROWS):
        some = slice(start, start + CHUNK_ROWS)
        state[some][(state[some] == WAITING) & gone[text[some]]] = THINNED


@njit
def _draw(template, text, quota, taken, gone):  # type: ignore[no-untyped-def]
    """Let the first `quota` of each template stay, counting on from `taken`; mark the other texts in `gone`."""
    for i in range(template.size):
        gone[text[i]] = taken[template[i]] >= quota
        taken[template[i]] += 1
