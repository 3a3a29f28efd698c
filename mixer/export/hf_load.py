"""The stage's packed sequences, read from the raw token files beside this script. Needs numpy; `load` needs datasets.

    train = load("folder")                  # datasets.Dataset, map-style; token files are read row by row
    for row in rows("folder"): ...          # the same rows without datasets: {"input_ids": int32 array, "domain": str}

Rows that were packed best-fit have `labels` as well: the ids, and -100 where the row is filled up.

A shard with n rows of which a are distinct is passed over n // a times whole, then in part; each pass in its own
seeded order. Rows of all shards are interleaved so that every stretch holds the planned shares.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

HERE = Path(__file__).resolve().parent
DISTRIBUTION = "datasets"
BLOCK_ROWS = 1 << 20
OPEN_FILES = 512  # a mapped file holds a descriptor, of which systems give 1,024

IGNORED = -100  # a label that torch's cross entropy leaves out

Int64 = npt.NDArray[np.int64]


def padding_of(row: npt.NDArray[Any], end_of_text: int) -> int:
    """How many ids at the end of a packed row fill it up: end-of-text ids after that of its last document."""
    other = np.flatnonzero(row[::-1] != end_of_text)
    return max(0, int(other[0] if len(other) else len(row)) - 1)


class ShardRows:
    """Rows drawn from one shard, in order: where each stands in the whole (0 to 1) and which sequence it is.

    Row j of n stands somewhere in the j-th of n equal stretches. Memory: 4 bytes a sequence of the pass at hand.
    """

    def __init__(self, seed: int, number: int, count: int, available: int) -> None:
        self.seed, self.number, self.count, self.available = seed, number, count, available
        self.random = np.random.Generator(np.random.PCG64([seed, number]))
        self.placed, self.taken = 0, 0
        self.waiting = np.zeros(0)
        self.order: tuple[int, npt.NDArray[np.uint32]] | None = None

    def before(self, end: float) -> tuple[npt.NDArray[np.float64], Int64]:
        """Places and sequences of the next rows that stand before `end`, all that are left where `end` is 1."""
        most = self.count if end >= 1 else min(self.count, int(np.ceil(end * self.count)))
        places = (np.arange(self.placed, most) + self.random.random(most - self.placed)) / self.count
        places, self.placed = np.concatenate([self.waiting, places]), most
        cut = len(places) if end >= 1 else int(np.searchsorted(places, end))
        self.waiting = places[cut:]
        drawn = np.arange(self.taken, self.taken + cut)
        self.taken += cut
        passes, within = np.divmod(drawn, self.available)
        sequences = np.empty(cut, dtype=np.int64)
        for number in np.unique(passes):
            sequences[passes == number] = self.one_pass(int(number))[within[passes == number]]
        return places[:cut], sequences

    def one_pass(self, number: int) -> npt.NDArray[np.uint32]:
        """Every sequence once, in the order of pass `number`."""
        if self.order is None or self.order[0] != number:
            generator = np.random.Generator(np.random.PCG64([self.seed, self.number, number + 1]))
            self.order = number, generator.permutation(np.arange(self.available, dtype=np.uint32))
        return self.order[1]


def row_blocks(mixture: dict[str, Any], split: str, block_rows: int = BLOCK_ROWS) -> Iterator[tuple[Int64, Int64]]:
    """Shard and sequence of every row, in order, in blocks of about `block_rows`: the order depends on no block size."""
    entries = mixture["splits"][split]
    shards = [ShardRows(mixture["seed"], i, e["sequences"], e["available"]) for i, e in enumerate(entries)]
    windows = -(-sum(entry["sequences"] for entry in entries) // block_rows)
    for window in range(1, windows + 1):
        found = [shard.before(window / windows) for shard in shards]
        order = np.argsort(np.concatenate([places for places, _ in found]), kind="stable")
        numbers = np.repeat(np.arange(len(shards)), [len(places) for places, _ in found])
        yield numbers[order], np.concatenate([sequences for _, sequences in found])[order]


def row_order(mixture: dict[str, Any], split: str) -> tuple[Int64, Int64]:
    """Shard and sequence of every row, in order: int64[rows] each. Equal for equal `mixture.json`."""
    blocks = [(np.zeros(0, dtype=np.int64),) * 2, *row_blocks(mixture, split)]
    return np.concatenate([shards for shards, _ in blocks]), np.concatenate([sequences for _, sequences in blocks])


def read_mixture(folder: str | Path) -> dict[str, Any]:
    """What `mixture.json` of a folder says."""
    mixture: dict[str, Any] = json.loads((Path(folder) / "mixture.json").read_text(encoding="utf-8"))
    return mixture


class Reader:
    """Token rows of one split by (shard, sequence). Picklable: files are opened where it is used."""

    def __init__(self, folder: str | Path, mixture: dict[str, Any], split: str) -> None:
        self.folder, self.mixture = Path(folder).resolve(), mixture
        if split not in mixture["splits"]:
            raise ValueError(f"got split {split!r}, expected one of {', '.join(mixture['splits'])}")
        self.has_labels = mixture["packing"] == "best-fit"
        self.is_packed = self.has_labels and split == "train"  # held-out documents lie end to end
        self.entries = mixture["splits"][split]
        self.files: dict[int, npt.NDArray[Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"files": {}}

    def row(self, shard: int, sequence: int, labels: int = 0) -> npt.NDArray[np.int32]:
        """Token ids of one sequence, int32[sequence_length + labels]: 1 brings the label of its last token too."""
        if shard not in self.files:
            if len(self.files) >= OPEN_FILES:
                del self.files[next(iter(self.files))]
            dtype = np.dtype(self.mixture["dtype"]).newbyteorder("<")
            self.files[shard] = np.memmap(self.folder / self.entries[shard]["tokens"], dtype=dtype, mode="r")
        length = self.mixture["sequence_length"]
        return self.files[shard][sequence * length : (sequence + 1) * length + labels].astype(np.int32)

    def padding(self, row: npt.NDArray[np.int32]) -> int:
        """How many ids fill a row up."""
        return padding_of(row, self.mixture["end_of_text"]) if self.is_packed else 0

    def labels(self, row: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """The ids of a row, and IGNORED where it is filled up, int32[sequence_length]."""
        labels = row.copy()
        labels[len(row) - self.padding(row) :] = IGNORED
        return labels

    def example(self, shard: int, sequence: int) -> dict[str, Any]:
        """One row with its domain, and its labels where rows are packed."""
        ids = self.row(shard, sequence)
        labels = {"labels": self.labels(ids)} if self.has_labels else {}
        return {"input_ids": ids} | labels | {"domain": self.entries[shard]["domain"]}

    def __call__(self, batch: dict[str, list[int]]) -> dict[str, list[Any]]:
        """A batch of (shard, sequence) as a batch of rows: the transform of the dataset."""
        examples = [self.example(*pair) for pair in zip(batch["shard"], batch["sequence"], strict=True)]
        names = ("input_ids", *(["labels"] if self.has_labels else []), "domain")
        return {name: [example[name] for example in examples] for name in names}


def rows(folder: str | Path, split: str = "train") -> Iterator[dict[str, Any]]:
    """Every row in order: `input_ids` int32[sequence_length], `domain`, and `labels` where rows are packed."""
    reader = Reader(folder, read_mixture(folder), split)
    for shards, sequences in row_blocks(reader.mixture, split):
        for shard, sequence in zip(shards, sequences, strict=True):
            yield reader.example(int(shard), int(sequence))


def load(folder: str | Path, split: str = "train") -> Any:
    """A `datasets.Dataset` with a row per sequence (`input_ids`, `domain`): 16 bytes a row, no token is copied."""
    from datasets import Dataset

    reader = Reader(folder, read_mixture(folder), split)
    shards, sequences = row_order(reader.mixture, split)
    return Dataset.from_dict({"shard": shards, "sequence": sequences}).with_transform(reader)


def count(work_dir: str) -> dict[str, int]:
    """Rows of the dataset from each domain; nothing is written to `work_dir`."""
    entries = read_mixture(HERE)["splits"]["train"]
    shards = Counter(load(HERE).with_format("numpy")[:]["shard"].tolist())
    domains: Counter[str] = Counter()
    for number, found in shards.items():
        domains[entries[number]["domain"]] += found
    return dict(domains)


def sequences(work_dir: str) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Domain and token ids of every row of the dataset, in order."""
    for row in load(HERE):
        yield row["domain"], np.asarray(row["input_ids"])
