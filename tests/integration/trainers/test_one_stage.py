"""Plan and export of a small run of one stage: exact counts, equal bytes elsewhere, nothing written that does not fit."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import midmix
from midmix.cli import main
from midmix.disk import sha256_of
from midmix.errors import ConfigError, InputError
from midmix.mixer.export.step import export_plan
from midmix.report import outcome
from midmix.table_files import attach_file, read_table
from midmix.table_manifest import Manifest, load_manifest, publish
from midmix.tables import EXPORTS, PLAN, REALIZED, TOKENS

LENGTH, BATCH = 16, 8
RunMaker = Callable[..., Any]


def test_plan_fills_whole_batches_within_the_caps(one_stage: Any) -> None:
    stage = one_stage.plan.stages[0]
    counts = one_stage.planned()
    assert stage.sequences == 20_000 // (LENGTH * BATCH) * BATCH == 1248
    assert sum(counts.values()) == stage.sequences
    shares = {share.domain: share for share in stage.mixture}
    math = shares["math"]
    assert math.at_cap and math.sequences == math.cap_sequences == 4 * math.available_sequences
    # What math cannot take goes to the others in proportion to their weights.
    assert counts["code"] == round((stage.sequences - math.sequences) * 450_001 / 750_000)
    rows = read_table(one_stage.folder, PLAN).to_pylist()
    assert Counter({d: sum(r["sequences"] for r in rows if r["domain"] == d) for d in counts}) == counts
    code = [r for r in rows if r["domain"] == "code"]
    assert all(
        abs(r["sequences"] - r["available"] * counts["code"] / shares["code"].available_sequences) < 1 for r in code
    )
    assert abs(sum(r["weight"] for r in rows) - 1) < 1e-12


def test_plan_and_export_are_the_same_bytes_elsewhere(one_stage: Any, make_run: RunMaker, tmp_path: Path) -> None:
    other = make_run(tmp_path / "deeper" / "other").carry_out()
    run = one_stage.folder
    assert load_manifest(run, "plan").digest == load_manifest(other.folder, "plan").digest
    assert load_manifest(run, "exports").digest == load_manifest(other.folder, "exports").digest
    for row in read_table(run, EXPORTS).to_pylist():
        file = Path("export") / row["trainer"] / row["file"]
        assert (run / file).read_bytes() == (other.folder / file).read_bytes()
        assert str(run).encode() not in (run / file).read_bytes()


@pytest.mark.parametrize("trainer", ["mosaicml", "litdata", "materialised", "parquet", "nanotron"])
def test_files_that_are_made_are_the_same_bytes_elsewhere(one_stage: Any, trainer: str, tmp_path: Path) -> None:
    first, again = (
        export_plan(one_stage.folder, [trainer], tmp_path / name, absolute=False).popitem() for name in ("a", "b")
    )
    assert first[1] == again[1]
    for written in first[1]:
        assert (first[0] / written.file).read_bytes() == (again[0] / written.file).read_bytes()
        assert sha256_of(first[0] / written.file) == written.sha256


def test_exports_lists_every_file_with_its_hash(one_stage: Any) -> None:
    rows = read_table(one_stage.folder, EXPORTS).to_pylist()
    listed = {f"{row['trainer']}/{row['file']}": (row["bytes"], row["sha256"]) for row in rows}
    there = {
        str(p.relative_to(one_stage.folder / "export")): (p.stat().st_size, sha256_of(p))
        for p in (one_stage.folder / "export").rglob("*")
        if p.is_file()
    }
    assert listed == there
    assert [(row["trainer"], row["file"]) for row in rows] == sorted((row["trainer"], row["file"]) for row in rows)


def test_deleted_folder_is_written_again_and_an_old_trainer_goes(make_run: RunMaker, tmp_path: Path) -> None:
    other = make_run(tmp_path).carry_out()
    (other.folder / "export" / "hf" / "load.py").unlink()
    other.carry_out()
    assert (other.folder / "export" / "hf" / "load.py").is_file()
    type(other)(other.folder, other.config.model_copy(update={"export": ("hf",)})).carry_out()
    assert [p.name for p in (other.folder / "export").iterdir()] == ["hf"]


def test_plan_of_other_tokens_is_not_exported(make_run: RunMaker, tmp_path: Path) -> None:
    other = make_run(tmp_path).carry_out(until="plan").folder
    manifest = load_manifest(other, "tokens")
    changed = attach_file(other, TOKENS, manifest.attached[0].name, lambda p: p.write_bytes(b"other"))
    publish(other, Manifest("tokens", manifest.files, (changed, *manifest.attached[1:])))
    with pytest.raises(InputError, match="another file than the plan counts"):
        export_plan(other, ["hf"], tmp_path / "out", absolute=True)
    assert not (tmp_path / "out").exists()


def test_budget_beyond_the_supply_is_refused_with_the_numbers(make_run: RunMaker, tmp_path: Path) -> None:
    mixture = {"tokens": 400_000, "sequence_length": LENGTH, "global_batch_sequences": BATCH}
    mixture |= {"max_epochs": {"default": 4, "web": 1}, "targets": {"web": {"domain": "web"}}}
    with pytest.raises(ConfigError, match=r"are missing.*Lower mixture.tokens to [\d,]+"):
        make_run(tmp_path, mixture=mixture).carry_out(until="plan")


def test_one_stage_is_verified_in_its_folder_and_the_counts_come_back(
    make_run: RunMaker, python_of: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    python, run = python_of("hf"), make_run(tmp_path).carry_out()
    (folder,) = export_plan(run.folder, ["hf"], tmp_path / "out", absolute=True)
    done = subprocess.run([python, "verify.py"], capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    (stage,) = json.loads((folder / "realized.json").read_text())["stages"]
    assert stage["realized"] == run.planned() and sum(stage["read"].values()) == 1000
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main(["results", "add", str(run.folder), str(folder / "realized.json")])
    assert not end.value.code
    assert "datasets draws 19,968 tokens, exactly the planned ones" in capsys.readouterr().out
    rows = read_table(run.folder, REALIZED).to_pylist()
    assert {row["domain"]: row["realized"] for row in rows} == run.planned()
    assert {row["version"] for row in rows} == {stage["loader_version"]}
    section = outcome.plan(midmix.open(run.folder))
    (read,) = [grid for grid in section.grids if grid.caption == "Read back by trainers' own loaders"]
    assert [row[2] for row in read.rows] == sorted(run.planned())


def test_rows_without_datasets_and_of_held_out_text(one_stage: Any, tmp_path: Path) -> None:
    (folder,) = export_plan(one_stage.folder, ["hf"], tmp_path / "out", absolute=True)
    spec = importlib.util.spec_from_file_location("exported_load", folder / "load.py")
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    sys.modules["exported_load"] = script
    spec.loader.exec_module(script)
    assert Counter(row["domain"] for row in script.rows(folder)) == one_stage.planned()
    heldout = list(script.rows(folder, split="heldout"))
    assert heldout and all(len(row["input_ids"]) == LENGTH for row in heldout)


@pytest.mark.parametrize("trainer", ["megatron", "materialised"])
def test_megatron_reads_the_documents_of_every_file(one_stage: Any, trainer: str, tmp_path: Path) -> None:
    indexed = pytest.importorskip("megatron.core.datasets.indexed_dataset")
    (folder,) = export_plan(one_stage.folder, [trainer], tmp_path / "out", absolute=True)
    paths = sorted(folder.rglob("*.idx"))
    assert paths
    for path in paths:
        dataset = indexed.IndexedDataset(str(path.with_suffix("")))
        tokens = np.fromfile(path.with_suffix(".bin"), "<u2")
        assert np.concatenate([dataset[i] for i in range(len(dataset))]).tolist() == tokens.tolist()
        assert all(dataset[i][-1] == 0 for i in range(len(dataset)))
