"""Pre-mixed datasets: the order of the plain loader, whole sequences, the same whatever the sizes of blocks and files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from midmix.megatron_index import write_index
from midmix.mixer.export import materialise
from midmix.mixer.export.exporter import make_folder
from midmix.mixer.export.folder import json_text
from midmix.mixer.export.hf import linked_mixture
from midmix.mixer.export.hf_load import rows
from midmix.mixer.export.materialise import MATERIALISED, ORDER, PARQUET
from midmix.mixer.plan.manifest import Plan

Files = Callable[[Plan], dict[str, Path]]


def written(plan: Plan, files: dict[str, Path], folder: Path, exporter: object = MATERIALISED) -> list[str]:
    export = make_folder(exporter, plan, "")  # type: ignore[arg-type]
    folder.mkdir(exist_ok=True)
    ((_, writer),) = export.writers
    return writer(folder, files, [].append)


def plain_rows(plan: Plan, files: dict[str, Path], folder: Path) -> list[tuple[str, list[int]]]:
    mixture, links = linked_mixture(plan, plan.stages[0])
    (folder / "tokens").mkdir(parents=True)
    for path, file in links.items():
        if file.name in files:
            (folder / path).write_bytes(files[file.name].read_bytes())
    (folder / "mixture.json").write_text(json_text(mixture))
    return [(row["domain"], row["input_ids"].tolist()) for row in rows(folder)]


def test_tokens_are_the_rows_of_the_plain_loader_in_its_order(plan: Plan, token_files: Files, tmp_path: Path) -> None:
    files = token_files(plan)
    assert written(plan, files, tmp_path / "out") == [
        *(f"train-00000.{suffix}" for suffix in ("bin", "idx", "npy")),
        "order.bin",
    ]
    expected = plain_rows(plan, files, tmp_path / "plain")
    tokens = np.fromfile(tmp_path / "out" / "train-00000.bin", "<u2")
    assert tokens[:-1].reshape(-1, 8).tolist() == [ids for _, ids in expected]
    assert tokens[-1] == plan.tokenizer.eos_id
    assert (tmp_path / "out" / "train-00000.npy").samefile(tmp_path / "out" / "train-00000.bin")
    write_index(tmp_path / "one.idx", np.array([97]), "uint16")
    assert (tmp_path / "out" / "train-00000.idx").read_bytes() == (tmp_path / "one.idx").read_bytes()


def test_order_names_source_and_sequence_of_every_row(plan: Plan, token_files: Files, tmp_path: Path) -> None:
    files = token_files(plan)
    written(plan, files, tmp_path / "out")
    sources = json.loads(make_folder(MATERIALISED, plan, "").texts["mixture.json"])["sources"]
    order = np.fromfile(tmp_path / "out" / "order.bin", ORDER)
    tokens = np.fromfile(tmp_path / "out" / "train-00000.bin", "<u2")[:-1].reshape(-1, 8)
    assert Counter(sources[s]["domain"] for s in order["source"]) == {"math": 3, "web": 9}
    # Shards of the plan are math 0, math 1, web 0, web 1: token k of the n-th is 100 n + k.
    firsts = [{"math": 0, "web": 200}[sources[s]["domain"]] + 100 * sources[s]["shard"] for s in order["source"]]
    assert tokens[:, 0].tolist() == [first + 8 * int(n) for first, n in zip(firsts, order["sequence"], strict=True)]


def test_files_of_a_size_hold_the_same_sequences(
    plan: Plan, token_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = token_files(plan)
    written(plan, files, tmp_path / "one")
    monkeypatch.setattr(materialise, "FILE_BYTES", 5 * 16)
    names = [name for name in written(plan, files, tmp_path / "many") if name.endswith(".bin") and name != "order.bin"]
    parts = [np.fromfile(tmp_path / "many" / name, "<u2") for name in names]
    assert [len(part) for part in parts] == [41, 41, 17]
    whole = np.fromfile(tmp_path / "one" / "train-00000.bin", "<u2")
    assert np.concatenate([part[:-1] for part in parts]).tolist() == whole[:-1].tolist()
    assert (tmp_path / "many" / "order.bin").read_bytes() == (tmp_path / "one" / "order.bin").read_bytes()


def test_parquet_has_the_same_rows(
    plan: Plan, token_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = token_files(plan)
    monkeypatch.setattr(materialise, "ROWS_PER_GROUP", 5)
    monkeypatch.setattr(materialise, "FILE_BYTES", 2 * 5 * 8 * 4)
    names = written(plan, files, tmp_path / "out", PARQUET)
    assert names == ["train-00000.parquet", "train-00001.parquet", "order.bin"]
    tables = [pq.read_table(tmp_path / "out" / name) for name in names[:2]]
    assert [table.num_rows for table in tables] == [10, 2]
    found = [(row["domain"], row["input_ids"]) for table in tables for row in table.to_pylist()]
    assert found == plain_rows(plan, files, tmp_path / "plain")
