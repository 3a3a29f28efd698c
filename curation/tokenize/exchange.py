"""A range-partitioned exchange on disk: records are written by range of their place and sorted one range at a time.

No more than one bucket of one series of shards is ever in memory, whatever the size of the corpus or of a shard. The
documents of one entry of a shard's index have one place, so they are always in one bucket.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from midmix.curation.tokenize.shuffle import permutation, shard_of
from midmix.parts import ROW_MASK

# `before` counts the tokens of the entry before the document, `entry_tokens` those of the whole entry, once it is read.
RECORD = np.dtype(
    {
        "names": ["place", "tie", "doc", "offset", "num_bytes", "num_tokens", "part_rank", "before", "entry_tokens"],
        "formats": ["<u8", "<u8", "<u8", "<i8", "<i8", "<i4", "<i4", "<i4", "<i4"],
    }
)
# Bytes that sorting and copying take per byte of a bucket: the records, their order, and the sorted copy.
_PEAK = 4
Records = npt.NDArray[np.void]


class Exchange:
    """Records of named series, in files below `folder`, cut into `buckets` equal ranges of the key space.

    A bucket of all series together takes about `memory_bytes` while it is sorted.
    """

    def __init__(self, folder: Path, num_documents: int, memory_bytes: int) -> None:
        self.folder = folder
        self.chunk = max(1, memory_bytes // (RECORD.itemsize * _PEAK))
        self._buckets = 1 + num_documents // self.chunk
        self._numbers: dict[object, int] = {}
        self._tokens: dict[object, int] = {}

    def add(self, series: object, records: Records) -> None:
        """Append records (dtype RECORD) of a series."""
        if not len(records):
            return
        number = self._numbers.setdefault(series, len(self._numbers))
        self._tokens[series] = self._tokens.get(series, 0) + int(records["num_tokens"].sum(dtype=np.int64))
        buckets = shard_of(records["place"], self._buckets)
        for bucket in np.unique(buckets).tolist():
            with self._file(number, bucket).open("ab") as stream:
                stream.write(records[buckets == bucket].tobytes())

    def num_tokens(self, series: object) -> int:
        """Tokens of a series, 0 for one that has no records."""
        return self._tokens.get(series, 0)

    def read(self, series: object, shard: int, shards: int) -> Records:
        """Records of the series whose place lies in [shard / shards, (shard + 1) / shards), in the permutation's order.

        They lie in a file that goes away with them.
        """
        first = shard * self._buckets // shards
        last = -(-(shard + 1) * self._buckets // shards)
        path = self.folder / "sorted"
        with path.open("wb") as stream:
            for bucket in range(first, last):
                file = self._file(self._numbers[series], bucket)
                if file.exists():
                    records = np.fromfile(file, RECORD)
                    records = records[shard_of(records["place"], shards) == shard]
                    _in_order(records).tofile(stream)
            size = stream.tell()
        found = np.asarray(np.memmap(path, RECORD, "r")) if size else np.empty(0, RECORD)
        path.unlink()
        return found

    def _file(self, series: int, bucket: int) -> Path:
        return self.folder / f"{series}-{bucket}"


def _in_order(records: Records) -> Records:
    """The records in the permutation's order, with the tokens of their entries."""
    rows = records["doc"] & np.uint64(ROW_MASK)
    order = permutation(records["place"], records["tie"], records["before"], records["part_rank"], rows)
    records = records[order]
    if len(records):
        starts = np.flatnonzero(records["before"] == 0)
        tokens = np.add.reduceat(records["num_tokens"], starts, dtype=np.int64)
        records["entry_tokens"] = np.repeat(tokens, np.diff(starts, append=len(records)))
    return records
