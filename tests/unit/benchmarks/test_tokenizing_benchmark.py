"""`benchmarks/tokenizing.py`: what it counts can fail, and a sample of it runs."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield importlib.import_module("tokenizing")


@pytest.mark.parametrize(
    ("ids", "lengths", "expected"),
    [([1, 2, 3, 4], [2, 2], 0), ([1, 9, 3, 4], [2, 2], 1), ([1, 3, 4], [1, 2], 1), ([1, 2, 3, 4, 5, 6], [2, 4], 2)],
)
def test_ids_that_differ_or_are_missing_are_counted(
    bench: ModuleType, ids: list[int], lengths: list[int], expected: int
) -> None:
    theirs = np.array([1, 2, 3, 4]), np.array([2, 2])
    assert bench.mismatches((np.array(ids), np.array(lengths)), theirs) == expected


@pytest.mark.parametrize("family", ["gpt2", pytest.param("qwen2", marks=pytest.mark.full)])
def test_a_sample_is_measured(bench: ModuleType, family: str, tmp_path: Path) -> None:
    texts = [f"Some words, é {n} e\u0301 and\n\n  {'more ' * (n % 7)}" for n in range(500)]
    file = tmp_path / "texts.parquet"
    pq.write_table(pa.table({"text": pa.array(texts, pa.large_string())}), file)
    folder = bench.train(family, tmp_path, tmp_path / "work")
    assert bench.train(family, tmp_path, tmp_path / "work") == folder
    (part,) = bench.slices(tmp_path, tmp_path / "work")
    found = bench.measure(family, folder, [part], part, tmp_path / "work", rounds=1)
    assert found["id_mismatches"] == 0
    assert found["ratio_tokenizers"] > 0 < found["ratio_tiktoken"]
    assert found["peak_rss_mib"] > 0
