"""The stage's rows in order, from the parquet files beside this script, as Hugging Face datasets reads them.

train = load("folder")                  # datasets.Dataset of input_ids and domain
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
DISTRIBUTION = "datasets"


def load(folder: str | Path = HERE, cache_dir: str | None = None) -> Any:
    """A `datasets.Dataset` with a row per sequence; `cache_dir` is where datasets keeps its copy."""
    from datasets import load_dataset

    files = sorted(str(path) for path in Path(folder).glob("train-*.parquet"))
    return load_dataset("parquet", data_files={"train": files}, split="train", cache_dir=cache_dir)


def count(work_dir: str) -> dict[str, int]:
    """Rows of each domain."""
    return dict(Counter(load(cache_dir=work_dir)["domain"]))


def sequences(work_dir: str) -> Iterator[tuple[str, Any]]:
    """Domain and token ids of every row, in order."""
    for row in load(cache_dir=work_dir):
        yield row["domain"], np.asarray(row["input_ids"])
