"""A source of the demo is forgotten: its plan, its copies, its receipt, and the run that never had it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import midmix
from midmix.config import load_config
from midmix.disk import sha256_of
from midmix.flow import CURATE, steps_between
from midmix.forget.purge import purge
from midmix.forget.without import make_without
from midmix.mixer.export.trainers import read_plan
from midmix.runner import run_steps
from midmix.table_files import read_table, write_table
from midmix.table_manifest import Manifest, load_manifest, publish
from midmix.tables import EVIDENCE, PARTS, TOKENS, WEIGHTS

pytestmark = pytest.mark.full

SOURCE = "repos"
SMALL = {"tokens": 8_192, "runs": 6, "seeds": 2, "rows_per_batch": 4, "heldout_tokens": 1_024}


def documents_of(run: Path, source: str, *, other: bool = False) -> set[bytes]:
    """Token ids of the train documents of a source, or of all others, as bytes."""
    parts = {row["part"] for row in read_table(run, PARTS).to_pylist() if (row["source"] == source) != other}
    manifest = load_manifest(run, TOKENS.name)
    rows = pl.from_arrow(read_table(run, TOKENS))
    assert isinstance(rows, pl.DataFrame)
    found = set()
    for row in rows.filter(split="train").iter_rows(named=True):
        if row["doc"] >> 32 in parts:
            data = (run / manifest.attachments[f"main/{row['domain']}/train-{row['shard']:05d}.bin"]).read_bytes()
            found.add(data[2 * row["offset"] : 2 * (row["offset"] + row["num_tokens"])])
    return found


def files_of(run: Path) -> dict[str, tuple[int, str]]:
    skipped = ("previews/", "scratch/", "state/lock", "state/workers.lock", "state/forg")
    names = {str(p.relative_to(run)): p for p in run.rglob("*") if p.is_file()}
    return {n: (p.stat().st_size, sha256_of(p)) for n, p in names.items() if not n.startswith(skipped)}


def plain(run: Path) -> dict[str, Any]:
    """The plan but for what names the tables that it was made of, whose keys differ."""
    fields: dict[str, Any] = json.loads(read_plan(run).to_json())
    return {name: value for name, value in fields.items() if name not in ("inputs", "manifest_hash")}


def test_a_source_of_the_demo_is_forgotten(
    own_corpus: Path,
    tmp_path: Path,
    write_config: Callable[..., Path],
    with_artefacts_of: Callable[[Path, Path], Path],
    by_place: Callable[..., pl.DataFrame],
) -> None:
    run = tmp_path / "run"
    config = write_config(own_corpus, "whole.yaml", proxy=SMALL, mixture={"tokens": 200_000})
    run_steps(load_config(config), run, workers=2, quiet=True)
    mine = documents_of(run, SOURCE)

    layer, found = make_without(run, SOURCE, workers=2, quiet=True)
    # Copies that came back have the same tokens under another source.
    copies = documents_of(layer, SOURCE, other=True)
    assert len(mine - copies) > len(mine) / 2
    plan = read_plan(layer)
    assert SOURCE not in {source.source for domain in plan.domains for source in domain.sources}
    assert {row["relation"] for row in found.copies} >= {"exact", "near"}
    assert found.back and {row["relation"] for row in found.back} <= {"exact", "near", "contained", "url"}
    assert "rater:kind" in {row["name"] for row in found.artefacts} and found.proxies

    before = files_of(run)
    _, receipt = purge(run, SOURCE, workers=2, quiet=True)
    after = files_of(run)
    gone = {name: value for name, value in before.items() if after.get(name) != value}
    assert {row["path"]: (row["bytes"], row["sha256"]) for row in receipt["purged"]} == gone
    for file in (*run.rglob("*.bin"), *run.rglob("*.npy")):
        data = file.read_bytes()
        assert not any(document in data for document in mine - copies), file

    fresh = with_artefacts_of(run, tmp_path / "fresh")
    forgotten = midmix.open(run).config
    run_steps(forgotten, fresh, CURATE, workers=2, quiet=True)
    for table in (WEIGHTS, EVIDENCE):
        entry = write_table(fresh, table, read_table(run, table), stem="all")
        publish(fresh, Manifest(table.name, (entry,)))
    run_steps(forgotten, fresh, steps_between("plan", "export"), workers=2, quiet=True)
    columns = ("keep", "reason", "fired", "relation", "jaccard", "containment", "cluster_size")
    for view, chosen in {"decisions": columns, "labels": (), "scores": (), "contamination": (), "tokens": ()}.items():
        assert by_place(run, view, *chosen).equals(by_place(fresh, view, *chosen)), view
    assert by_place(run, "curated", "text").equals(by_place(fresh, "curated", "text"))
    assert plain(run) == plain(fresh)
    exported = [
        {n: h for n, h in files_of(folder).items() if n.startswith("export/") and "/tokens/" in n}
        for folder in (run, fresh)
    ]
    assert exported[0] == exported[1] and exported[0]
