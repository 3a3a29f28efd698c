"""Components of unverified candidates: what a method that compares nothing takes for clusters, such as datatrove's.

Documents of one component share a band with another of it, and so on along chains; midmix drops nothing for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from midmix.curation.decide.groups import flatten, unite
from midmix.curation.dedup.keys import KEY_BITS
from midmix.curation.dedup.ranges import Range, SortedFiles, hash_blocks, hash_range, repeated, starts_of_equals
from midmix.table_manifest import load_manifest
from midmix.tables import BANDS, SIGNATURES

# What blocks of bands may take, beside the result.
_MEMORY_BYTES = 1 << 28


def run_components(folder: Path) -> npt.NDArray[np.integer]:
    """Of every document of a run, in the order of keys, the lowest ordinal of its component: int32, or int64 if need be."""
    documents = {entry.part: entry.rows for entry in load_manifest(folder, SIGNATURES.name).files}
    files = load_manifest(folder, BANDS.name).files
    return band_components([folder / entry.path for entry in files], [documents[entry.part] for entry in files])


def band_components(files: Sequence[Path], documents: Sequence[int]) -> npt.NDArray[np.integer]:
    """The same from the files of BANDS, part after part, and the number of documents of each part.

    Memory is that of the result and of one block of bands.
    """
    firsts = np.cumsum([0, *documents])
    count = int(firsts[-1])
    parent: npt.NDArray[np.integer] = np.arange(count, dtype=np.int32 if count < 1 << 31 else np.int64)
    rows = sum(pq.read_metadata(path).num_rows for path in files)
    with SortedFiles(files) as opened:
        for block in hash_blocks(hash_range(KEY_BITS), KEY_BITS, rows, len(files), _MEMORY_BYTES):
            unite(parent, *_mates(opened, firsts, block))
    flatten(parent)
    return parent


def _mates(
    files: SortedFiles, firsts: npt.NDArray[np.int64], wanted: Range
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(document, first document of its bucket) of those in buckets of two and more."""
    found = [(np.zeros(0, np.int64), np.zeros(0, np.int64))]
    for (keys, rows), first in zip(files.read_each(wanted, ["band", "row"]), firsts[:-1], strict=True):
        found.append((keys, first + rows.astype(np.int64)))
    keys, ordinals = (np.concatenate(column) for column in zip(*found, strict=True))
    chosen, keys = repeated(keys)
    ordinals = ordinals[chosen]
    return ordinals, ordinals[starts_of_equals(keys)]
