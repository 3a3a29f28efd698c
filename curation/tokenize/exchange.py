"""A range-partitioned exchange on disk: records are written by range of their place and read back one range at a time.

No more than one shard, and one bucket of it at a time, is ever in memory, whatever the size of the corpus.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from midmix.curation.tokenize.shuffle import shard_of

# Documents per bucket, all groups together: 4 million records are 160 MB.
BUCKET_DOCUMENTS = 4_000_000
RECORD = np.dtype(
    {
        "names": ["place", "doc", "offset", "num_bytes", "num_tokens", "part_rank"],
        "formats": ["<u8", "<u8", "<i8", "<i8", "<i4", "<i4"],
    }
)
Records = npt.NDArray[np.void]


class Exchange:
    """Records of named groups, in files below `folder`, cut into `buckets` equal ranges of the key space."""

    def __init__(self, folder: Path, num_documents: int) -> None:
        self._folder = folder
        self._buckets = 1 + num_documents // BUCKET_DOCUMENTS
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
        """Records of the group whose place lies in [shard / shards, (shard + 1) / shards) of the key space."""
        first = shard * self._buckets // shards
        last = -(-(shard + 1) * self._buckets // shards)
        found = [np.empty(0, RECORD)]
        for bucket in range(first, last):
            file = self._file(self._numbers[group], bucket)
            if file.exists():
                records = np.fromfile(file, RECORD)
                found.append(records[shard_of(records["place"], shards) == shard])
        return np.concatenate(found)

    def _file(self, group: int, bucket: int) -> Path:
        return self._folder / f"{group}-{bucket}"
