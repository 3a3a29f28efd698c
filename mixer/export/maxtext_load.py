"""The stage's records as grain reads them for MaxText, from the ArrayRecord files beside this script.

for domain, ids in sequences(""): ...   # ids: int64 array of the sequence length
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
DISTRIBUTION = "grain"


def dataset(folder: Path = HERE) -> Any:
    """The records in order: MaxText's `get_datasets` without shuffling, for one epoch and one host."""
    import grain.python as grain

    files = sorted(str(path) for path in folder.glob("train-*.array_record"))
    return grain.MapDataset.source(grain.ArrayRecordDataSource(files))


def domains(folder: Path = HERE) -> list[str]:
    """Domain of every record, in order."""
    mixture = json.loads((folder / "mixture.json").read_text(encoding="utf-8"))
    order = np.fromfile(folder / "order.bin", dtype="<u4").reshape(-1, 2)
    return [mixture["sources"][source]["domain"] for source in order[:, 0].tolist()]


def parse(record: bytes) -> npt.NDArray[np.int64]:
    """The ids in a serialized `tf.train.Example` of one feature: the varints after its nested lengths."""
    content = memoryview(record)
    for field in (1, 1, 2, 3, 1):
        content = _field(content, field)
    data = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(data < 0x80)
    starts = np.concatenate([[0], ends[:-1] + 1])
    ids = np.zeros(len(ends), dtype=np.int64)
    for place in range(int((ends - starts).max()) + 1):
        there = starts + place <= ends
        ids[there] |= (data[starts[there] + place].astype(np.int64) & 0x7F) << (7 * place)
    return ids


def _field(content: memoryview, wanted: int) -> memoryview:
    """The content of the first field of that number. Raises ValueError where there is none."""
    place = 0
    while place < len(content):
        number, place, size, shift = content[place] >> 3, place + 1, 0, 0
        while True:
            byte = content[place]
            size, shift, place = size | (byte & 0x7F) << shift, shift + 7, place + 1
            if byte < 0x80:
                break
        if number == wanted:
            return content[place : place + size]
        place += size
    raise ValueError(f"got a record without field {wanted}: no tf.train.Example of token ids")


def count(work_dir: str) -> dict[str, int]:
    """Records of each domain, as many as grain finds; nothing is written to `work_dir`."""
    return dict(Counter(domains()[: len(dataset())]))


def sequences(work_dir: str) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """Domain and token ids of every record, in order."""
    for domain, record in zip(domains(), dataset(), strict=True):
        yield domain, parse(record)
