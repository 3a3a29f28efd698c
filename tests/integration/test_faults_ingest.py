"""Ingest of files as the world makes them: odd types, names, links and damage stop no run and lose no row."""

import datetime
import decimal
import json
import math
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import midmix
from midmix.config import load_config
from midmix.errors import ConfigError, InputError
from midmix.estimate import survey
from midmix.flow import steps_between
from midmix.run import Run
from midmix.runner import run_steps
from midmix.sample import sample

BAD_UTF8 = pa.Array.from_buffers(
    pa.string(), 2, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0\4\0\0\0"), pa.py_buffer(b"\xff\xfeok")]
)


def run_to(tmp_path: Path, last: str = "ingest", path: str = "in", **source: Any) -> Run:
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"sources": {"s": {"path": path, "kind": "prose", **source}}}))
    run_steps(load_config(config), tmp_path / "out", steps_between(None, last), workers=1, quiet=True)
    return midmix.open(tmp_path / "out")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def quarantined(run: Run) -> dict[str, str]:
    return dict(run.sql("SELECT file || coalesce(':' || row, ''), reason FROM quarantine").fetchall())


def metadata(run: Run) -> list[Any]:
    rows = run.sql("SELECT metadata FROM documents ORDER BY doc").fetchall()
    return [json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON")) for (text,) in rows]


def test_binary_text_goes_through_every_step_over_text(tmp_path: Path, folder: Path) -> None:
    texts = [b"one text of some words here", b"bad \xff", None, "zwölf".encode()]
    pq.write_table(pa.table({"text": pa.array(texts, pa.binary())}), folder / "a.parquet")
    pq.write_table(pa.table({"text": pa.array(texts[:1], pa.large_binary())}), folder / "b.parquet")
    pq.write_table(pa.table({"text": pa.array(texts[3:], pa.binary_view())}), folder / "c.parquet")
    run = run_to(tmp_path, "decide")
    assert quarantined(run) == {
        "in/a.parquet:1": "text is not valid UTF-8 at byte 4",
        "in/a.parquet:2": "text is null",
    }
    assert run.sql("SELECT path, row, num_words FROM documents JOIN scores USING (doc) ORDER BY doc").fetchall() == [
        ("in/a.parquet", 0, 6),
        ("in/a.parquet", 3, 1),
        ("in/b.parquet", 0, 6),
        ("in/c.parquet", 0, 1),
    ]
    assert sorted(s.text for s in sample(run, "num_words = 1")) == ["zwölf", "zwölf"]


def test_columns_of_one_name(tmp_path: Path, folder: Path) -> None:
    names = ["text", "a", "a", "id", "id"]
    pq.write_table(pa.Table.from_arrays([pa.array([x, x]) for x in "tuvwx"], names=names), folder / "a.parquet")
    pq.write_table(pa.Table.from_arrays([pa.array(["t"])] * 2, names=["text", "text"]), folder / "b.parquet")
    run = run_to(tmp_path)
    assert metadata(run) == [{"a": "u", "a_1": "v"}] * 2
    assert run.sql("SELECT user_id FROM documents").fetchall() == [("w",)] * 2
    assert quarantined(run) == {"in/b.parquet": "2 columns are named 'text'; name one of them otherwise"}


def test_metadata_that_python_or_json_cannot_hold(tmp_path: Path, folder: Path) -> None:
    deep = {"f": math.nan, "day": datetime.date(2020, 1, 2), "raw": b"\x00\xff", "n": 2**62}
    columns = {
        "text": ["a", "b"],
        "deep": [deep, None],
        "nano": pa.array([1, None], pa.timestamp("ns")),
        "list": pa.array([[1], None], pa.list_(pa.timestamp("ns"))),
        "far": pa.array([2**62, None], pa.timestamp("us")),
        "far_day": pa.array([2**30, None], pa.date32()),
        "big": pa.array([2**64 - 1, None], pa.uint64()),
        "price": pa.array([decimal.Decimal("1.50"), None]),
        "note": BAD_UTF8,
        "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
    }
    pq.write_table(pa.table(columns), folder / "a.parquet")
    first, second = metadata(run_to(tmp_path))
    assert first["deep"] == {"f": None, "day": "2020-01-02", "raw": "00ff", "n": 2**62}
    assert first["nano"].startswith("1970-01-01 00:00:00.000000001") and first["list"] == [first["nano"]]
    assert first["big"] == 2**64 - 1 and first["price"] == "1.50" and first["map"] == [["k", 1]]
    assert isinstance(first["far"], str) and isinstance(first["far_day"], str) and first["note"] == "??"
    assert second == dict.fromkeys(columns.keys() - {"text", "note"}) | {"note": "ok"}


def test_ids_and_urls_are_plain_valid_text(tmp_path: Path, folder: Path) -> None:
    day = pa.array([1, None], pa.date32())
    pq.write_table(pa.table({"text": ["a", "b"], "id": BAD_UTF8, "url": [b"\xff\x00", b"u"]}), folder / "a.parquet")
    pq.write_table(pa.table({"text": ["a", "b"], "id": day, "url": [{"x": 1}, None]}), folder / "b.parquet")
    run = run_to(tmp_path)
    assert run.sql("SELECT user_id, url FROM documents ORDER BY doc").fetchall() == [
        ("??", "ff00"),
        ("ok", "u"),
        ("1970-01-02", '{"x":1}'),
        (None, None),
    ]


def test_a_bad_row_of_a_template_loses_no_other(tmp_path: Path, folder: Path) -> None:
    far = pa.array([2**62, 1], pa.timestamp("us"))
    pq.write_table(pa.table({"q": BAD_UTF8, "a": ["x", "y"], "when": far}), folder / "a.parquet")
    run = run_to(tmp_path, template="{q} {a}")
    assert quarantined(run) == {"in/a.parquet:0": "text is not valid UTF-8: damaged bytes or a lone surrogate"}
    assert [s.text for s in sample(run)] == ["ok y"] and metadata(run) == [{"when": "1970-01-01 00:00:00.000001"}]


def test_jsonl_with_a_byte_order_mark_and_numbers_beyond_json(tmp_path: Path, folder: Path) -> None:
    lines = b'\xef\xbb\xbf{"text": "first"}\r\n{"text": "second", "x": NaN, "y": [1e999], "z": 1}\n'
    (folder / "a.jsonl").write_bytes(lines)
    run = run_to(tmp_path)
    assert quarantined(run) == {}
    assert run.sql("SELECT metadata FROM documents ORDER BY doc").fetchall()[0] == (None,)
    (text,) = run.sql("SELECT metadata FROM documents WHERE doc = 1").fetchall()[0]
    assert json.loads(text, parse_constant=pytest.fail) == {"x": None, "y": [None], "z": 1}


def test_names_that_globs_urls_and_sql_would_misread(tmp_path: Path, folder: Path) -> None:
    row = b'{"text": "a"}\n'
    names = ['it\'s "q" [1] * ünï%20 #?.jsonl', "a::b.jsonl", "C:\\data\\x.jsonl", "sub [2]/x y.parquet"]
    (folder / "sub [2]").mkdir()
    for name in names[:3]:
        (folder / name).write_bytes(row)
    pq.write_table(pa.table({"text": ["a"]}), folder / names[3])
    run = run_to(tmp_path)
    found = {path for (path,) in run.sql("SELECT path FROM documents").fetchall()}
    assert found == {f"in/{name}" for name in names} and quarantined(run) == {}
    assert [s.files for s in survey(run.config)] == [4]
    (tmp_path / "out2").mkdir()
    alone = load_config(tmp_path / "config.yaml", ("sources.s.path=in/sub [2]/x y.parquet",))
    run_steps(alone, tmp_path / "out2", steps_between(None, "ingest"), workers=1, quiet=True)
    assert midmix.open(tmp_path / "out2").sql("SELECT count(*) FROM documents").fetchall() == [(1,)]


def test_a_name_that_is_no_unicode_is_named(tmp_path: Path, folder: Path) -> None:
    (folder / "a.jsonl").write_text('{"text": "a"}')
    with open(os.fsencode(folder) + b"/\xff.jsonl", "w") as stream:
        stream.write('{"text": "a"}')
    with pytest.raises(InputError, match=r"\\xff\.jsonl.*Rename"):
        run_to(tmp_path)


def test_links_to_folders_are_followed_once_and_dead_ones_are_set_aside(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.jsonl").write_text('{"text": "a"}')
    (tmp_path / "elsewhere" / "back").symlink_to(folder)
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "gone.parquet").symlink_to(tmp_path / "nowhere.parquet")
    (folder / "gone.jsonl").symlink_to(tmp_path / "nowhere.jsonl")
    run = run_to(tmp_path)
    assert run.sql("SELECT path FROM documents").fetchall() == [("in/linked/x.jsonl",)]
    reasons = quarantined(run)
    assert set(reasons) == {"in/gone.parquet", "in/gone.jsonl:0"}
    assert all("o such file" in reason and str(tmp_path) not in reason for reason in reasons.values())


def test_a_url_of_unknown_kind_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"source s: foo://b/\*\.parquet.*foo"):
        run_to(tmp_path, path="foo://b/*.parquet")


@pytest.mark.parametrize("texts", [[], [None, None], ["", "  "]], ids=["no row", "null", "dropped"])
def test_a_source_of_which_nothing_is_left(tmp_path: Path, folder: Path, texts: list[str | None]) -> None:
    pq.write_table(pa.table({"text": pa.array(texts, pa.string())}), folder / "a.parquet")
    run = run_to(tmp_path, "apply")
    ledger = run.sql("SELECT step, rows_in, rows_kept, rows_dropped, rows_quarantined FROM ledger").fetchall()
    assert all(row[1] == sum(row[2:]) for row in ledger)
    assert run.sql("SELECT count(*) FROM curated").fetchall() == [(0,)]


def test_a_folder_that_cannot_be_listed_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (folder / "locked").mkdir()
    (folder / "a.jsonl").write_text('{"text": "a"}')
    listing = os.scandir

    def refuse(path: str) -> Any:
        if os.fspath(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return listing(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"source s: .*locked: Permission denied"):
        run_to(tmp_path)
