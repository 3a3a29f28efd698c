"""litdata's folders: chunks of blocks with a label each, and subsample, which litdata's own rounding makes exact."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midmix.mixer.export import litdata
from midmix.mixer.export.drawn import Drawn
from midmix.mixer.export.exporter import make_folder
from midmix.mixer.export.litdata import LITDATA, subsample
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import TokenFile

Files = Callable[[Plan], dict[str, Path]]
FILE = TokenFile(name="x.bin", bytes=2, sha256="0" * 64)


def litdata_length(blocks: int, factor: float) -> int:
    """Blocks of a dataset: `subsample_streaming_dataset` of litdata 0.2.76."""
    if math.isclose(factor, 1.0):
        return blocks
    count = 0
    while factor >= 1.0:
        count += blocks
        factor -= 1.0
    return count + int(blocks * factor) if factor > 0 else count


@given(st.integers(1, 10**6), st.integers(1, 5 * 10**6))
def test_litdata_draws_exactly_the_blocks(available: int, sequences: int) -> None:
    entry = Drawn("web", 0, sequences, available, FILE)
    assert litdata_length(entry.distinct, subsample(entry)) == sequences


def test_mixture_lists_sources(plan: Plan) -> None:
    mixture = json.loads(make_folder(LITDATA, plan, "").texts["mixture.json"])
    assert [(s["folder"], s["sequences"], s["distinct"], s["subsample"]) for s in mixture["sources"]] == [
        ("tokens/math-00000", 3, 2, 1.75),
        ("tokens/web-00000", 6, 6, 1.0),
        ("tokens/web-00001", 3, 3, 1.0),
    ]


def test_chunks_hold_sequences_and_the_label_of_their_last_token(
    plan: Plan, token_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(litdata, "CHUNK_BYTES", 36)  # two blocks of 9 tokens
    names = [writer(tmp_path, token_files(plan), [].append) for _, writer in make_folder(LITDATA, plan, "").writers]
    assert names[2] == [f"tokens/web-00001/{name}" for name in ("chunk-0-0.bin", "chunk-0-1.bin", "index.json")]
    chunks = [(tmp_path / name).read_bytes() for name in names[2][:2]]
    assert [np.frombuffer(chunk[:12], "<u4").tolist() for chunk in chunks] == [[1, 12, 48], [1, 12, 30]]
    blocks = [np.frombuffer(chunk[12:], "<u2").reshape(-1, 9).tolist() for chunk in chunks]
    assert blocks == [[list(range(300, 309)), list(range(308, 317))], [list(range(316, 325))]]
    index = json.loads((tmp_path / names[2][2]).read_text())
    assert [(c["chunk_bytes"], c["dim"]) for c in index["chunks"]] == [(48, 18), (30, 9)]
    assert index["config"]["data_format"] == ["no_header_tensor:20"]
