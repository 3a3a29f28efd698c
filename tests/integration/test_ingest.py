"""Ingest on odd files: everything is read or set aside with its reason, ids are never reused, runs are resumed."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import midmix
from midmix.config import load_config
from midmix.errors import ConfigError, InputError, MidmixError
from midmix.flow import steps_between
from midmix.run import Run
from midmix.runner import run_steps
from midmix.sample import sample


def write_config(folder: Path, sources: dict[str, Any], **more: Any) -> Path:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"sources": sources, "part_bytes": 1024, **more}))
    return path


def ingest(config: Path, out: Path, **options: Any) -> Run:
    run_steps(load_config(config), out, steps_between("ingest", "ingest"), workers=1, quiet=True, **options)
    return midmix.open(out)


def parquet(path: Path, texts: list[Any], rows_per_group: int = 2, **columns: Any) -> None:
    pq.write_table(pa.table({"text": texts, **columns}), path, row_group_size=rows_per_group, compression="none")


def test_bad_rows_and_files_are_set_aside_with_their_reasons(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", ["good", None, "also good"], id=[1, 2, 3], m=[{"x": 1}, {"x": 2}, None])
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-20])
    pq.write_table(pa.table({"text": [b"ok", b"bad \xff"]}), tmp_path / "c.parquet")
    pq.write_table(pa.table({"text": [1, 2]}), tmp_path / "d.parquet")
    pq.write_table(pa.table({"body": ["x"]}), tmp_path / "e.parquet")
    lines = [
        b'{"text": "fine", "url": "u", "k": [1]}',
        b'{"text": 3}',
        b"no json",
        b"",
        b'{"text": "\\ud800"}',
        b'["text"]',
        b'{"t": 1}',
    ]
    (tmp_path / "f.jsonl").write_bytes(b"\n".join(lines))
    whole = gzip.compress(b'{"text": "first"}\n' * 2000)
    (tmp_path / "g.jsonl.gz").write_bytes(whole[:-30])
    run = ingest(write_config(tmp_path, {"s": {"path": "*", "kind": "prose"}}), tmp_path / "out")
    reasons = dict(run.sql("SELECT file || coalesce(':' || row, ''), reason FROM quarantine").fetchall())
    assert reasons["a.parquet:1"] == "text is null"
    assert reasons["b.parquet"].startswith("no readable parquet file")
    assert reasons["c.parquet:1"] == "text is not valid UTF-8 at byte 4"
    assert reasons["d.parquet"] == "column 'text' is int64, expected a string"
    assert reasons["e.parquet"] == "no column 'text'; it has body"
    assert reasons["f.jsonl:1"] == "'text' is a number, expected a string"
    assert reasons["f.jsonl:2"].startswith("no valid JSON")
    assert reasons["f.jsonl:3"] == "the line is empty"
    assert reasons["f.jsonl:4"] == "text is not valid UTF-8: damaged bytes or a lone surrogate"
    assert reasons["f.jsonl:5"] == "the row is a list, expected an object"
    assert reasons["f.jsonl:6"] == "no field 'text'"
    assert any(k.startswith("g.jsonl.gz") and "cannot be read on" in v for k, v in reasons.items())
    (row,) = run.sql("SELECT rows_in, rows_kept, rows_quarantined FROM ledger").fetchall()
    assert row[0] == row[1] + row[2] and row[2] == len([k for k in reasons if ":" in k])
    kept = run.sql(
        "SELECT user_id, url, metadata FROM documents WHERE path IN ('a.parquet', 'f.jsonl') ORDER BY doc"
    ).fetchall()
    assert kept == [("1", None, '{"m":{"x":1}}'), ("3", None, '{"m":null}'), (None, "u", '{"k":[1]}')]


def test_chats_and_templates_become_text_without_special_tokens(tmp_path: Path) -> None:
    chat = [[{"role": "user", "content": "Two?"}, {"role": "assistant", "content": "2"}], [{"role": "user"}], []]
    pq.write_table(pa.table({"messages": chat}), tmp_path / "chat.parquet")
    (tmp_path / "qa.jsonl").write_text('{"q": "A {a}?", "a": "B"}\n{"q": "x"}\n')
    sources = {
        "chats": {"path": "chat.parquet", "kind": "reasoning", "messages": "messages"},
        "qa": {"path": "qa.jsonl", "kind": "reasoning", "template": "{q}\n\n{a}"},
    }
    run = ingest(write_config(tmp_path, sources), tmp_path / "out")
    texts = [found.text for found in sample(run, "true", 9)]
    assert sorted(texts) == ["A {a}?\n\nB", "User: Two?\n\nAssistant: 2"]
    assert run.sql("SELECT reason FROM quarantine ORDER BY source, row").fetchall() == [
        ("'content' is null",), ("'messages' is a list, expected a list of messages",), ("no field 'a'",)
    ]  # fmt: skip


def test_a_new_source_gets_the_next_ids_and_a_changed_file_new_ones(tmp_path: Path) -> None:
    for name in "ab":
        parquet(tmp_path / f"{name}.parquet", [f"{name} {i} " * 40 for i in range(8)])
    sources: dict[str, Any] = {"s": {"path": "[ab].parquet", "kind": "prose"}}
    config = write_config(tmp_path, sources)
    parts = "SELECT path, part FROM parts ORDER BY part"
    before = ingest(config, tmp_path / "out").sql(parts).fetchall()
    assert [p for _, p in before] == list(range(len(before))) and len(before) >= 4
    parquet(tmp_path / "c.parquet", ["c " * 100] * 4)
    config = write_config(tmp_path, sources | {"t": {"path": "c.parquet", "kind": "prose"}})
    run = ingest(config, tmp_path / "out")
    grown = run.sql(parts).fetchall()
    assert grown[: len(before)] == before and grown[-1][0] == "c.parquet"
    assert run.sql("SELECT DISTINCT action FROM steps WHERE part < " + str(len(before))).fetchall() == [("reused",)]
    parquet(tmp_path / "a.parquet", ["changed " * 40] * 4)
    changed = ingest(config, tmp_path / "out").sql(parts).fetchall()
    assert [p for p in changed if p[0] != "a.parquet"] == [p for p in grown if p[0] != "a.parquet"]
    assert min(p for path, p in changed if path == "a.parquet") > max(p for _, p in grown)
    (tmp_path / "b.parquet").unlink()
    parquet(tmp_path / "d.parquet", ["d"])
    last = ingest(write_config(tmp_path, {"s": {"path": "[abcd].parquet", "kind": "prose"}}), tmp_path / "out")
    assert last.sql("SELECT min(part) FROM parts WHERE path IN ('c.parquet', 'd.parquet')").fetchall()[0][0] > max(
        p for _, p in changed
    )


def test_a_run_folder_that_was_moved_works_and_is_resumed(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    parquet(here / "a.parquet", ["some text"])
    config = write_config(here, {"s": {"path": "a.parquet", "kind": "prose"}})
    ingest(config, here / "out")
    shutil.move(here, tmp_path / "there")
    run = midmix.open(tmp_path / "there" / "out")
    assert run.table("documents").collect().height == 1
    assert run.sql("SELECT path FROM documents").fetchall() == [("a.parquet",)]
    again = ingest(tmp_path / "there" / "config.yaml", tmp_path / "there" / "out")
    assert again.sql("SELECT DISTINCT action FROM steps").fetchall() == [("reused",)]


def test_strict_fails_on_bad_rows_and_says_which(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", ["x", None])
    with pytest.raises(MidmixError, match=r"--strict: 1 bad files or rows(.|\n)*a\.parquet row 1: text is null"):
        ingest(write_config(tmp_path, {"s": {"path": "a.parquet", "kind": "prose"}}), tmp_path / "out", strict=True)


def test_no_file_a_strange_folder_and_a_missing_step_are_clear_errors(tmp_path: Path) -> None:
    config = write_config(tmp_path, {"s": {"path": "none*.parquet", "kind": "prose"}})
    with pytest.raises(ConfigError, match=r"source s: no \.parquet.* file at none\*\.parquet"):
        ingest(config, tmp_path / "out")
    with pytest.raises(InputError, match="is no run folder"):
        ingest(config, tmp_path)
    with pytest.raises(InputError, match=r"step score reads 'documents', which step ingest makes"):
        run_steps(load_config(config), tmp_path / "other", steps_between("score", "score"), quiet=True)


def test_metadata_keeps_nested_values_and_what_json_lacks(tmp_path: Path) -> None:
    rows = pa.table({"text": ["a"], "when": pa.array([0], pa.timestamp("s")), "nested": [{"deep": [{"x": 1.5}]}]})
    pq.write_table(rows, tmp_path / "a.parquet")
    run = ingest(write_config(tmp_path, {"s": {"path": "a.parquet", "kind": "prose"}}), tmp_path / "out")
    ((metadata,),) = run.sql("SELECT metadata FROM documents").fetchall()
    assert json.loads(metadata) == {"when": "1970-01-01 00:00:00", "nested": {"deep": [{"x": 1.5}]}}
