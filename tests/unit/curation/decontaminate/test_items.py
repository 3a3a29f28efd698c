"""Reading evaluation items: forms, aliases, splits, compressions, and errors that name the line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from midmix.curation.decontaminate.items import Item, item_rows, read_items
from midmix.errors import InputError
from midmix.tables import EVALUATION_ITEMS

ROWS = [
    ({"question": "q", "answer": "a"}, Item("q", "a")),
    ({"prompt": "q", "canonical_solution": "a", "test": "t", "task_id": "T/0"}, Item("q", "a", id="T/0")),
    ({"problem": "q", "solution": "long", "answer": "short", "id": 7}, Item("q", "long", id="7")),
    ({"problem": "q", "solution": None, "answer": 18}, Item("q", "18")),
    ({"answer": 0.5}, Item(None, "0.5")),
    ({"text": "plain é"}, Item(None, "plain é")),
    ({"question": None, "text": ""}, Item(None, "")),
    ({"prompt": "q", "text": "t"}, Item("q", "t")),
    ({"prompt": "q"}, Item("q", None)),
    ({"question": "q", "context": "c", "choices": ["x", 2], "answer": 1}, Item("q", "1", "c", ["x", "2"])),
    ({"question": "q", "options": {"text": ["x"], "label": ["A"]}, "split": "test"},
     Item("q", None, choices=["x"], split="test")),
]  # fmt: skip


def items(path: Path) -> list[Item]:
    return [item for _, item in read_items(str(path))]


def jsonl(path: Path, *rows: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_aliases_in_every_compression(tmp_path: Path) -> None:
    data = "\n".join(json.dumps(row) + "\n" for row, _ in ROWS).encode()
    expected = [item for _, item in ROWS]
    for name, content in (
        ("a.jsonl", data),
        ("a.jsonl.gz", gzip.compress(data)),
        ("a.jsonl.zst", zstandard.compress(data)),
    ):
        (tmp_path / name).write_bytes(content)
        assert items(tmp_path / name) == expected


def test_parquet(tmp_path: Path) -> None:
    choices = [["x"], ["y", "z"]]
    table = pa.table(
        {"question": ["q", None], "answer": [1, 2], "options": choices, "split": ["a", None], "more": [0, 0]}
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=1)
    expected = [Item("q", "1", choices=["x"], split="a"), Item(None, "2", choices=["y", "z"])]
    assert items(tmp_path / "a.parquet") == expected
    table = pa.table({"question": ["q"], "choices": [{"text": ["x", "y"], "label": ["A", "B"]}]})
    pq.write_table(table, tmp_path / "b.parquet")
    assert items(tmp_path / "b.parquet") == [Item("q", None, choices=["x", "y"])]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2: no valid JSON"),
        ('{"text": "\\xff"}', "line 2: no valid JSON"),
        ("[1]", "line 2: got list, expected an object"),
        ('{"passage": "p"}', "line 2: got fields passage, expected a question"),
        ("{}", "line 2: got fields nothing, expected a question"),
        ('{"answer": ["a"]}', "line 2: 'answer' is list, expected text"),
        ('{"answer": true}', "line 2: 'answer' is bool"),
        ('{"answer": "\\ud800"}', "line 2: 'answer' is no valid Unicode"),
        ('{"text": "t", "split": "\\udc00"}', "line 2: 'split' is no valid Unicode"),
        ('{"text": "t", "choices": ["a", "\\udfff"]}', "line 2: 'choices' 1 is no valid Unicode"),
        ('{"text": "t", "choices": [null]}', "line 2: 'choices' 0 is NoneType, expected text"),
        ('{"text": "t", "choices": "abc"}', "line 2: 'choices' is str, expected a list of texts"),
        ('{"text": "t", "choices": {"label": []}}', "line 2: 'choices' is dict, expected a list of texts"),
        ('{"text": "t", "id": {}}', "line 2: 'id' is dict, expected text or a number"),
    ],
)
def test_a_bad_row_names_its_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b'{"text": "fine"}\n' + line.encode("latin-1").replace(b"\\xff", b"\xff") + b"\n")
    with pytest.raises(InputError, match=r"bad\.jsonl") as caught:
        items(path)
    assert said in str(caught.value)


def test_a_bad_row_of_parquet_is_named_by_its_ordinal(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["fine", None]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet, row 1: got fields text, expected"):
        items(tmp_path / "a.parquet")


@pytest.mark.parametrize("name", ["gone.jsonl", "gone.parquet", "gone.jsonl.gz"])
def test_a_missing_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no such file"):
        items(tmp_path / name)


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
        items(tmp_path / name)


def test_rows(tmp_path: Path) -> None:
    location = jsonl(tmp_path / "a.jsonl", *[{"question": "one", "answer": "two", "id": "x"}, {"text": "three"}] * 3000)
    table = pa.concat_tables(item_rows("s", "target", location))
    assert table.schema == EVALUATION_ITEMS.schema()
    rows = table.to_pylist()
    assert [r["item"] for r in rows] == list(range(6000))
    nothing = {"split": None, "passage": None, "choices": None}
    assert rows[4096] == {"set": "s", "role": "target", "item": 4096, "id": "x", "question": "one", "answer": "two"} | nothing  # fmt: skip
    assert rows[4097] == {"set": "s", "role": "target", "item": 4097, "id": None, "question": None, "answer": "three"} | nothing  # fmt: skip


def test_one_split_alone_keeps_the_numbers_of_its_rows(tmp_path: Path) -> None:
    location = jsonl(tmp_path / "a.jsonl", *({"text": str(i), "split": "train" if i % 3 else "test"} for i in range(7)))
    table = pa.concat_tables(item_rows("s", "benchmark", location, split="test", keep=("train",)))
    assert table.column("item").to_pylist() == [0, 3, 6]
    assert table.column("answer").to_pylist() == ["0", "3", "6"]
    assert set(table.column("split").to_pylist()) == {"test"}


def test_a_question_alone_is_an_item_of_a_benchmark_and_of_nothing_else(tmp_path: Path) -> None:
    location = jsonl(tmp_path / "a.jsonl", {"text": "t"}, {"prompt": "write a poem"})
    [_, row] = pa.concat_tables(item_rows("s", "benchmark", location)).to_pylist()
    assert (row["question"], row["answer"]) == ("write a poem", "")
    with pytest.raises(InputError, match=r"a\.jsonl, line 2: no answer .*but targets are measured"):
        list(item_rows("s", "target", location))


@pytest.mark.parametrize(
    ("rows", "asked", "said"),
    [
        ([{"text": "t"}], {"split": "test"}, "line 1: no field 'split', but benchmarks.s asks for split 'test'"),
        ([{"text": "t"}], {"keep": ("train",)}, "line 1: no field 'split', but benchmarks.s.keep names splits"),
        ([{"text": "t", "split": "dev"}, {"text": "t", "split": "a"}], {"split": "test"},
         "no item of split 'test', which set 's' names. It has a, dev."),
        ([{"text": "t", "split": "test"}], {"split": "test", "keep": ("trian",)}, "no item of split 'trian'"),
        ([], {}, "no item in it"),
        ([], {"split": "test"}, "no item in it"),
    ],
)  # fmt: skip
def test_splits_that_are_not_there(tmp_path: Path, rows: list[dict[str, Any]], asked: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        list(item_rows("s", "benchmark", jsonl(tmp_path / "a.jsonl", *rows), **asked))
    assert said in str(caught.value)
    assert "a.jsonl" in str(caught.value)
