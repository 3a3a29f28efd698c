"""A range-partitioned exchange on disk: records are written by range of their place and sorted one range at a time.

No more than one bucket of one group is ever in memory, whatever the size of the corpus or of a shard.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from midmix.curation.tokenize.shuffle import permutation, shard_of
from midmix.parts import ROW_MASK

RECORD = np.dtype(
    {
        "names": ["place", "doc", "offset", "num_bytes", "num_tokens", "part_rank"],
        "formats": ["<u8", "<u8", "<i8", "<i8", "<i4", "<i4"],
    }
)
# Bytes that sorting and copying take per byte of a bucket: the records, their order, and the sorted copy.
_PEAK = 4
Records = npt.NDArray[np.void]


class Exchange:
    """Records of named groups, in files below `folder`, cut into `buckets` equal ranges of the key space.

    A bucket of all groups together takes about `memory_bytes` while it is sorted.
    """

    def __init__(self, folder: Path, num_documents: int, memory_bytes: int) -> None:
        self._folder = folder
        self.chunk = max(1, memory_bytes // (RECORD.itemsize * _PEAK))
        self._buckets = 1 + num_documents // self.chunk
        self._numbers: dict[object, int] = {}
        self._tokens: dict[object, int] = {}

    def add(self, group: object, records: Records) -> None:
        """Append records (dtype RECORD) of a group."""
        if not len(records):
            return
        number = self._numbers.setdefault(group, len(self._numbers))
        self._tokens[group] = self._tokens.get(group, 0) + int(records["num_tokens"].sum(dtype=np.int64))
        buckets = shard_of(records["place"], self._buckets)
        for bucket in np.unique(buckets).tolist():
            with self._file(number, bucket).open("ab") as stream:
                stream.write(records[buckets == bucket].tobytes())

    def num_tokens(self, group: object) -> int:
        """Tokens of a group, 0 for one that has no records."""
        return self._tokens.get(group, 0)

    def read(self, group: object, shard: int, shards: int) -> Records:
        """Records of the group whose place lies in [shard / shards, (shard + 1) / shards), in the permutation's order.

        They lie in a file that goes away with them.
        """
        first = shard * self._buckets // shards
        last = -(-(shard + 1) * self._buckets // shards)
        path = self._folder / "sorted"
        with path.open("wb") as stream:
            for bucket in range(first, last):
                file = self._file(self._numbers[group], bucket)
                if file.exists():
                    records = np.fromfile(file, RECORD)
                    records = records[shard_of(records["place"], shards) == shard]
                    rows = records["doc"] & np.uint64(ROW_MASK)
                    records[permutation(records["place"], records["part_rank"], rows)].tofile(stream)
            size = stream.tell()
        found = np.asarray(np.memmap(path, RECORD, "r")) if size else np.empty(0, RECORD)
        path.unlink()
        return found

    def _file(self, group: int, bucket: int) -> Path:
        return self._folder / f"{group}-{bucket}"
