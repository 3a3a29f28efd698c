"""The stage's sequences in order, from the raw token files beside this script. Needs numpy.

for domain, ids in sequences(""): ...   # ids: uint16 or int32 array of sequence_length
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
DISTRIBUTION = "numpy"


def domains(folder: Path = HERE) -> list[str]:
    """Domain of every sequence, in order."""
    mixture = json.loads((folder / "mixture.json").read_text(encoding="utf-8"))
    order = np.memmap(folder / "order.bin", dtype="<u4", mode="r").reshape(-1, 2)
    return [mixture["sources"][source]["domain"] for source in order[:, 0].tolist()]


def count(work_dir: str) -> dict[str, int]:
    """Sequences of each domain; nothing is written to `work_dir`."""
    return dict(Counter(domains()))


def sequences(work_dir: str) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Domain and token ids of every sequence, in order. Raises ValueError where a file holds no whole sequences."""
    mixture = json.loads((HERE / "mixture.json").read_text(encoding="utf-8"))
    length, names = mixture["sequence_length"], iter(domains())
    for path in sorted(HERE.glob("train-*.bin")):
        tokens = np.memmap(path, dtype=np.dtype(mixture["dtype"]).newbyteorder("<"), mode="r")
        if len(tokens) % length != 1 % length:
            raise ValueError(f"{path}: {len(tokens)} tokens, expected whole sequences of {length} and one id more")
        for row in tokens[:-1].reshape(-1, length):
            yield next(names), row
