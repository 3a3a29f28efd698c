"""Reading evaluation items: forms, aliases, compressions, and errors that name the line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from midmix.curation.decontaminate.items import item_rows, read_items
from midmix.errors import InputError
from midmix.tables import EVALUATION_ITEMS

ROWS = [
    ({"question": "q", "answer": "a"}, ("q", "a")),
    ({"prompt": "q", "canonical_solution": "a", "test": "t"}, ("q", "a")),
    ({"problem": "q", "solution": "long", "answer": "short"}, ("q", "long")),
    ({"problem": "q", "solution": None, "answer": 18}, ("q", "18")),
    ({"answer": 0.5}, (None, "0.5")),
    ({"text": "plain é"}, (None, "plain é")),
    ({"question": None, "text": ""}, (None, "")),
    ({"prompt": "q", "text": "t"}, ("q", "t")),
]


def test_aliases_in_every_compression(tmp_path: Path) -> None:
    data = "\n".join(json.dumps(row) + "\n" for row, _ in ROWS).encode()
    expected = [item for _, item in ROWS]
    for name, content in (
        ("a.jsonl", data),
        ("a.jsonl.gz", gzip.compress(data)),
        ("a.jsonl.zst", zstandard.compress(data)),
    ):
        (tmp_path / name).write_bytes(content)
        assert list(read_items(str(tmp_path / name))) == expected


def test_parquet(tmp_path: Path) -> None:
    table = pa.table({"question": ["q", None], "answer": [1, 2], "options": [["x"], ["y"]]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=1)
    assert list(read_items(str(tmp_path / "a.parquet"))) == [("q", "1"), (None, "2")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2: no valid JSON"),
        ("[1]", "line 2: got list, expected an object"),
        ('{"question": "q"}', "line 2: got fields question, expected an answer"),
        ('{"answer": ["a"]}', "line 2: 'answer' is list, expected text"),
        ('{"answer": true}', "line 2: 'answer' is bool"),
        ('{"answer": "\\ud800"}', "line 2: 'answer' is no valid Unicode"),
    ],
)
def test_a_bad_row_names_its_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"text": "fine"}\n' + line + "\n")
    with pytest.raises(InputError, match=r"bad\.jsonl") as caught:
        list(read_items(str(path)))
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["gone.jsonl", "gone.parquet", "gone.jsonl.gz"])
def test_a_missing_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no such file"):
        list(read_items(str(tmp_path / name)))


@pytest.mark.parametrize("name", ["cut.jsonl.gz", "cut.jsonl.zst", "cut.parquet"])
def test_a_truncated_file(tmp_path: Path, name: str) -> None:
    lines = "".join(json.dumps({"text": f"{i} {i * i}"}) + "\n" for i in range(5000)).encode()
    if name.endswith("parquet"):
        pq.write_table(pa.table({"text": [str(i) for i in range(5000)]}), tmp_path / name)
        data = (tmp_path / name).read_bytes()
    else:
        data = gzip.compress(lines) if name.endswith("gz") else zstandard.compress(lines)
    (tmp_path / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="cannot be read after"):
        list(read_items(str(tmp_path / name)))


def test_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    items = [{"question": "one two three", "answer": "four five"}, {"text": "one, two three-four (five)"}]
    path.write_text("".join(json.dumps(i) + "\n" for i in items * 3000))
    table = pa.concat_tables(item_rows("s", "target", str(path), ngram=13, min_words=5))
    assert table.schema == EVALUATION_ITEMS.schema()
    rows = table.to_pylist()
    assert [r["item"] for r in rows] == list(range(6000))
    assert rows[4096] == {
        "set": "s", "role": "target", "item": 4096, "question": "one two three", "answer": "four five", "detectable": False,
    }  # fmt: skip
    assert rows[4097]["question"] is None
    assert rows[4097]["detectable"]


def test_a_file_without_items(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n\n")
    with pytest.raises(InputError, match="no item in it"):
        list(item_rows("s", "target", str(tmp_path / "a.jsonl"), ngram=13, min_words=5))
