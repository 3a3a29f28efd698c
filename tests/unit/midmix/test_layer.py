"""A run that stands on another reads what it has not made from there, and writes into its own folder alone."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa

from midmix.layer import WAY, base_of, locate, path_in_run, way_to_base
from midmix.record import Record
from midmix.table_files import read_table, write_table
from midmix.table_manifest import Manifest, is_made, load_manifest, publish
from midmix.tables import DROPS

ROW = {"step": "decide", "source": "web", "reason": "mine", "documents": 1, "bytes": 10}


def layer_of(base: Path) -> Path:
    layer = base / "previews" / "new"
    (layer / WAY).parent.mkdir(parents=True)
    (layer / WAY).write_text(json.dumps({"base": "../.."}))
    return layer


def drops(folder: Path, documents: int) -> None:
    rows = pa.Table.from_pylist([ROW | {"documents": documents}], DROPS.schema())
    publish(folder, Manifest(DROPS.name, (write_table(folder, DROPS, rows, stem="all"),)))


def test_a_table_is_the_bases_until_the_layer_makes_its_own(tmp_path: Path) -> None:
    layer = layer_of(tmp_path)
    assert not is_made(layer, DROPS.name) and not load_manifest(layer, DROPS.name).files
    drops(tmp_path, 1)
    assert is_made(layer, DROPS.name)
    assert read_table(layer, DROPS).to_pylist() == [ROW]
    assert load_manifest(layer, DROPS.name).digest == load_manifest(tmp_path, DROPS.name).digest
    drops(layer, 2)
    assert read_table(layer, DROPS).to_pylist() == [ROW | {"documents": 2}]
    assert read_table(tmp_path, DROPS).to_pylist() == [ROW]


def test_a_record_is_found_below_and_named_from_above(tmp_path: Path) -> None:
    layer, name = layer_of(tmp_path), Path("records/ingest/_/p00000000.json")
    drops(tmp_path, 1)
    record = Record("print", {}, files={DROPS.name: list(load_manifest(tmp_path, DROPS.name).files)})
    record.save(tmp_path / name, scratch=tmp_path / "scratch")
    found = Record.find(layer, name)
    assert found is not None and found.is_whole(layer) and not record.is_whole(layer)
    assert found.from_base() == record
    assert Record.find(layer, Path("records/ingest/_/p00000001.json")) is None
    Record("own", {}).save(layer / name, scratch=layer / "scratch")
    assert Record.find(layer, name) == Record("own", {}) and Record.find(tmp_path, name) == record


def test_a_file_that_a_table_names_is_found_where_it_lies(tmp_path: Path) -> None:
    layer = layer_of(tmp_path)
    (tmp_path / "a").touch()
    assert (locate(layer, "a"), locate(tmp_path, "a")) == (tmp_path / "a", tmp_path / "a")
    (layer / "a").touch()
    assert locate(layer, "a") == layer / "a"
    assert path_in_run("../../data/copies/x.parquet") == path_in_run("data/copies/x.parquet") == "data/copies/x.parquet"


def test_a_run_may_stand_on_none(tmp_path: Path) -> None:
    assert way_to_base(tmp_path) is None and base_of(tmp_path) is None
    assert base_of(layer_of(tmp_path)) == tmp_path
