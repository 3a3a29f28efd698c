"""What a purge drops: records of the source's parts and of work that nothing rests on, files that nothing names, hashes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from midmix.config import Config, parse_config
from midmix.forget.purge import _drop
from midmix.record import Record
from midmix.table_files import attach_file
from midmix.table_manifest import Attachment, Manifest, publish
from midmix.tables import TOKENS


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return parse_config({"sources": {"web": {"path": "web.jsonl", "kind": "prose"}}}, base=tmp_path)


def attach(run: Path, name: str) -> Attachment:
    return attach_file(run, TOKENS, f"{name}.bin", lambda path: path.write_text(name))


def record(run: Path, stem: str, *files: Attachment) -> Path:
    path = run / "records" / "tokenize" / "main" / f"{stem}.json"
    Record("f", {}, {}, {"tokens": list(files)}).save(path, scratch=run / "scratch")
    return path


def test_records_go_with_the_source_and_with_what_is_no_longer_published(tmp_path: Path, config: Config) -> None:
    run = tmp_path / "run"
    kept, gone, stale, lost = (attach(run, name) for name in ("kept", "gone", "stale", "lost"))
    publish(run, Manifest("tokens", (), (kept,)))
    stays, partly = record(run, "p00000000", kept), record(run, "p00000002", kept, stale)
    mine, empty = record(run, "p00000001", gone), record(run, "p00000003")
    source_s, names_nothing = record(run, "p00000004", kept), lost.path
    _drop(run, config, {"p00000001", "p00000004"}, [])
    assert [path.exists() for path in (stays, partly, mine, empty, source_s)] == [True, False, False, True, False]
    data = {str(path.relative_to(run)) for path in (run / "data").rglob("*.bin")}
    assert data == {kept.path} and names_nothing not in data


def test_a_record_that_cannot_be_read_stays_for_the_step_to_make_anew(tmp_path: Path, config: Config) -> None:
    run = tmp_path / "run"
    publish(run, Manifest("tokens", (), (attach(run, "kept"),)))
    broken = record(run, "p00000000")
    broken.write_text("{")
    _drop(run, config, {"p00000001"}, [])
    assert broken.exists()


def test_hashes_of_the_sources_own_files_are_forgotten_and_no_others(tmp_path: Path, config: Config) -> None:
    run = tmp_path / "run"
    (run / "state").mkdir(parents=True)
    known = {str(tmp_path / name): {"hash": name} for name in ("web.jsonl", "new/a.jsonl", "new/b.jsonl")}
    (run / "state" / "files.json").write_text(json.dumps(known))
    _drop(run, config, set(), ["new/a.jsonl", "new/b.jsonl"])
    assert json.loads((run / "state" / "files.json").read_text()) == {
        str(tmp_path / "web.jsonl"): {"hash": "web.jsonl"}
    }


def test_a_run_without_known_hashes_is_purged_all_the_same(tmp_path: Path, config: Config) -> None:
    _drop(tmp_path / "run", config, set(), ["new/a.jsonl"])
    assert not (tmp_path / "run" / "state" / "files.json").exists()
