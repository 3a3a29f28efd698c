"""`benchmarks/corpus.py`: the environment's text first, each once, then the generator."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest

from midmix.demo.harvest import Found

PLACE = Path(__file__).parents[3] / "benchmarks" / "corpus.py"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_corpus", PLACE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.rglob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_harvested_text_comes_in_all_kinds_and_never_twice(maker: ModuleType, tmp_path: Path) -> None:
    manifest = maker.write(3, 1, tmp_path / "a")
    texts = [row["text"] for row in rows(tmp_path / "a")]
    assert set(manifest["bytes"]) >= {"prose", "code", "math"} and manifest["generated"] == 0
    assert len(texts) == len(set(texts))
    assert sum(len(text.encode()) for text in texts) == sum(manifest["bytes"].values())
    assert 3e6 <= sum(manifest["bytes"].values()) <= 3.2e6
    assert json.loads((tmp_path / "a" / "manifest.json").read_text()) == manifest
    maker.write(3, 1, tmp_path / "b")
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_the_generator_fills_what_the_environment_lacks(
    maker: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def little(seed: int) -> Iterator[Found]:
        yield Found("prose", "A single page.", "wheel", "1.0", "mit", "a.py", "")

    monkeypatch.setattr(maker, "harvested", little)
    manifest = maker.write(0.5, 1, tmp_path)
    found = rows(tmp_path)
    assert manifest["bytes"]["prose"] == len("A single page.")
    assert manifest["generated"] == sum(len(r["text"].encode()) for r in found if r["metadata"]["synthetic"])
    assert 0.5e6 <= sum(manifest["bytes"].values()) <= 0.51e6
    assert len({row["text"] for row in found}) == len(found)


def digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
