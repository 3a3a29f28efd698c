"""The stage's packed sequences, read from the raw token files beside this script. Needs numpy; `load` needs datasets.

    train = load("folder")                  # datasets.Dataset, map-style; token files are read row by row
    for row in rows("folder"): ...          # the same rows without datasets: {"input_ids": int32 array, "domain": str}

A shard with n rows of which a are distinct is passed over n // a times whole, then in part; each pass in its own
seeded order. Rows of all shards are interleaved so that every stretch holds the planned shares.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]


def row_order(mixture: dict[str, Any], split: str) -> tuple[Int64, Int64]:
    """Shard and sequence of every row, in order: int64[rows] each. Equal for equal `mixture.json`."""
    shards, sequences, places = [], [], []
    for number, entry in enumerate(mixture["splits"][split]):
        count, available = entry["sequences"], entry["available"]
        generator = np.random.Generator(np.random.PCG64([mixture["seed"], number]))
        passes = [generator.permutation(available) for _ in range(-(-count // available))]
        sequences.append(np.concatenate(passes)[:count].astype(np.int64))
        shards.append(np.full(count, number, dtype=np.int64))
        # Row j of n stands somewhere in the j-th of n equal stretches of the whole.
        places.append((np.arange(count) + generator.random(count)) / count)
    if not shards:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    order = np.argsort(np.concatenate(places), kind="stable")
    return np.concatenate(shards)[order], np.concatenate(sequences)[order]


class Reader:
    """Token rows of one split by (shard, sequence). Picklable: files are opened where it is used."""

    def __init__(self, folder: str | Path, split: str) -> None:
        self.folder = Path(folder).resolve()
        self.mixture: dict[str, Any] = json.loads((self.folder / "mixture.json").read_text(encoding="utf-8"))
        if split not in self.mixture["splits"]:
            raise ValueError(f"got split {split!r}, expected one of {', '.join(self.mixture['splits'])}")
        self.entries = self.mixture["splits"][split]
        self.files: dict[int, npt.NDArray[Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"files": {}}

    def row(self, shard: int, sequence: int) -> npt.NDArray[np.int32]:
        """Token ids of one sequence, int32[sequence_length]."""
        if shard not in self.files:
            dtype = np.dtype(self.mixture["dtype"]).newbyteorder("<")
            self.files[shard] = np.memmap(self.folder / self.entries[shard]["tokens"], dtype=dtype, mode="r")
        length = self.mixture["sequence_length"]
        return self.files[shard][sequence * length : (sequence + 1) * length].astype(np.int32)

    def __call__(self, batch: dict[str, list[int]]) -> dict[str, list[Any]]:
        """A batch of (shard, sequence) as a batch of rows: the transform of the dataset."""
        pairs = zip(batch["shard"], batch["sequence"], strict=True)
        return {
            "input_ids": [self.row(shard, sequence) for shard, sequence in pairs],
            "domain": [self.entries[shard]["domain"] for shard in batch["shard"]],
        }


def rows(folder: str | Path, split: str = "train") -> Iterator[dict[str, Any]]:
    """Every row in order: `input_ids` int32[sequence_length] and `domain`."""
    reader = Reader(folder, split)
    for shard, sequence in zip(*row_order(reader.mixture, split), strict=True):
        yield {"input_ids": reader.row(int(shard), int(sequence)), "domain": reader.entries[shard]["domain"]}


def load(folder: str | Path, split: str = "train") -> Any:
    """A `datasets.Dataset` with a row per sequence (`input_ids`, `domain`): 16 bytes a row, no token is copied."""
    from datasets import Dataset

    reader = Reader(folder, split)
    shards, sequences = row_order(reader.mixture, split)
    return Dataset.from_dict({"shard": shards, "sequence": sequences}).with_transform(reader)
