"""Token files of the domains, and their text cut into blocks. Letters: T tokens of a sequence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from midmix.errors import InputError
from midmix.table_manifest import Manifest


@dataclass(frozen=True)
class Shards:
    """Token files of one domain, in order. `itemsize` is 2 (uint16) or 4 (uint32) bytes a token."""

    paths: tuple[Path, ...]
    itemsize: int

    def open(self) -> list[NDArray[np.uint16] | NDArray[np.uint32]]:
        """Every file as an array that is read when touched. Raises InputError where a file is cut short."""
        dtype = np.dtype(f"<u{self.itemsize}")
        arrays = []
        for path in self.paths:
            size = path.stat().st_size
            if size % self.itemsize:
                raise InputError(
                    f"{path}: {size} bytes is no whole number of {self.itemsize}-byte tokens; "
                    f"run the step tokenize again"
                )
            arrays.append(np.memmap(path, dtype=dtype, mode="r") if size else np.empty(0, dtype))
        return arrays


@dataclass(frozen=True)
class Blocks:
    """A domain's text as blocks of `length` tokens and the one that follows, none of them across two files."""

    arrays: Sequence[NDArray[np.uint16] | NDArray[np.uint32]]
    length: int

    @property
    def counts(self) -> list[int]:
        """Whole blocks of every file."""
        return [max(0, (len(array) - 1) // self.length) for array in self.arrays]

    def read(self, numbers: NDArray[np.int64]) -> NDArray[np.int32]:
        """The blocks of these numbers, [len(numbers), T + 1]."""
        ends = np.cumsum(self.counts)
        files = np.searchsorted(ends, numbers, side="right")
        found = np.empty((len(numbers), self.length + 1), dtype=np.int32)
        for i, (file, number) in enumerate(zip(files, numbers, strict=True)):
            start = int(number - (ends[file] - self.counts[file])) * self.length
            found[i] = self.arrays[file][start : start + self.length + 1]
        return found


def itemsize(vocabulary: int) -> int:
    """Bytes of a stored id: 2 up to 65,536 ids, else 4."""
    return 2 if vocabulary <= 1 << 16 else 4


def shards_by_domain(manifest: Manifest, folder: Path, tokenizer: str, split: str, size: int) -> dict[str, Shards]:
    """Token files of every domain in shard order, from the attachments `TOKENIZER/DOMAIN/SPLIT-00000.bin` of TOKENS."""
    found: dict[str, list[tuple[str, Path]]] = defaultdict(list)
    for name, path in manifest.attachments.items():
        parts = name.split("/")
        if len(parts) == 3 and parts[0] == tokenizer and parts[2].startswith(f"{split}-") and name.endswith(".bin"):
            found[parts[1]].append((parts[2], folder / path))
    return {domain: Shards(tuple(path for _, path in sorted(files)), size) for domain, files in sorted(found.items())}
