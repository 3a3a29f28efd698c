"""The catalogue: every recipe is sound, rows become items, and fetching writes a file that the config can name."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from midmix.cli import main
from midmix.config import parse_config
from midmix.curation.decontaminate.catalogue.fetch import fetch
from midmix.curation.decontaminate.catalogue.fields import item_of
from midmix.curation.decontaminate.catalogue.recipe import Fields, Recipe, recipe, recipes
from midmix.curation.decontaminate.items import read_items
from midmix.errors import ConfigError, InputError

WANTED = """gsm8k math math500 aime24 aime25 humaneval humaneval_plus mbpp mbpp_plus livecodebench bigcodebench mmlu
mmlu_pro arc_easy arc_challenge hellaswag winogrande piqa openbookqa commonsenseqa boolq drop squad triviaqa
naturalquestions bbh gpqa ifeval musr truthfulqa olympiadbench svamp""".split()
SPLITS = {"test": [{"question": "2 + 2?", "answer": "4"}], "train": [{"question": "1 + 1?", "answer": "2"}] * 5000}
GSM8K_COMMIT = "740312add88f781978c0658806c59bc2815b9866"


def test_the_usual_benchmarks_are_there_and_none_brings_content() -> None:
    known = recipes()
    assert set(WANTED) <= set(known)
    for name, found in known.items():
        assert found.splits and found.license and "/" in found.dataset, name
        assert not set(found.splits) & set(found.train), name
        assert len(found.about) < 100, name
    assert len(known["bbh"].configs) == 27
    assert known["gpqa"].gated


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="no benchmark 'gms8k' in the catalogue; did you mean 'gsm8k'"):
        recipe("gms8k")


@pytest.mark.parametrize(
    "wrong",
    [
        {"revision": "v1.0"},
        {"fields": {"question": "q", "answer": {"choice": "label"}}},
        {"files": ["a.jsonl"], "train": ["train"]},
        {"fields": {"answer": "a"}},
        {"licence": "MIT"},
    ],
)
def test_a_recipe_that_cannot_be_right_is_refused(wrong: dict[str, Any]) -> None:
    good = {"about": "a", "dataset": "a/b", "revision": "main", "splits": ["test"], "license": "MIT", "fields": {"question": "q"}}  # fmt: skip
    Recipe(**good)
    with pytest.raises(ValueError):
        Recipe(**(good | wrong))


ARC = {"id": "M1", "question": "Why?", "choices": {"text": ["a", "b", "c"], "label": ["A", "B", "1"]}, "answerKey": "1"}


@pytest.mark.parametrize(
    ("name", "row", "expected"),
    [
        ("gsm8k", {"question": "q", "answer": "a"}, ("q", "a", None, None, None)),
        ("humaneval", {"task_id": "H/0", "prompt": "def", "canonical_solution": "  pass", "test": ""},
         ("def", "  pass", None, None, "H/0")),
        ("mmlu", {"question": "q", "subject": "s", "choices": ["a", "b"], "answer": 1}, ("q", "b", None, ["a", "b"], None)),
        ("arc_easy", ARC, ("Why?", "c", None, ["a", "b", "c"], "M1")),
        ("commonsenseqa", ARC | {"answerKey": ""}, ("Why?", None, None, ["a", "b", "c"], "M1")),
        ("hellaswag", {"ctx": "He", "endings": ["sat.", "ran."], "label": "1"}, ("He", "ran.", None, ["sat.", "ran."], None)),
        ("hellaswag", {"ctx": "He", "endings": ["sat."], "label": ""}, ("He", None, None, ["sat."], None)),
        ("winogrande", {"sentence": "The _", "option1": "x", "option2": "y", "answer": "1"},
         ("The _", "x", None, ["x", "y"], None)),
        ("piqa", {"goal": "g", "sol1": "x", "sol2": "y", "label": -1}, ("g", None, None, ["x", "y"], None)),
        ("boolq", {"question": "is it", "passage": "p", "answer": False}, ("is it", "false", "p", None, None)),
        ("drop", {"question": "how many", "passage": "p", "answers_spans": {"spans": ["3", "3", "four"]}},
         ("how many", "3\nfour", "p", None, None)),
        ("squad_v2", {"question": "q", "context": "p", "answers": {"text": []}}, ("q", None, "p", None, None)),
        ("triviaqa", {"question": "q", "answer": {"value": "v"}, "question_id": "t"}, ("q", "v", None, None, "t")),
        ("svamp", {"Body": "Two cows. ", "Question": "How many?", "Answer": 2.0}, ("Two cows. How many?", "2.0", None, None, None)),
        ("musr", {"narrative": "n", "question": "who", "choices": "['x', 'y']", "answer_index": 0},
         ("who", "x", "n", ["x", "y"], None)),
        ("ifeval", {"prompt": "p", "key": 1}, ("p", None, None, None, None)),
    ],
)  # fmt: skip
def test_rows_become_items(name: str, row: dict[str, Any], expected: tuple[Any, ...]) -> None:
    found = item_of(row, recipe(name).fields, "here")
    assert tuple(found[key] for key in ("question", "answer", "passage", "choices", "id")) == expected


@pytest.mark.parametrize(
    ("fields", "row", "said"),
    [
        ({"question": "a.b"}, {"a": {"c": 1}}, "here: got fields c, expected 'a.b'"),
        ({"question": "q", "answer": {"choice": "k"}, "choices": "c"}, {"q": "", "c": ["x"], "k": 1},
         "here: 'k' is 1, which is no choice: there are 1, counted from 0"),
        ({"question": "q", "answer": {"choice": "k", "labels": "l"}, "choices": "c"},
         {"q": "", "c": ["x"], "l": ["A"], "k": "B"}, "here: 'k' is 'B', expected one of the labels ['A']"),
        ({"question": "q", "answer": {"choice": "k"}, "choices": "c"}, {"q": "", "c": ["x"], "k": "x"},
         "here: 'k' is 'x', expected the number of a choice"),
        ({"question": "q", "choices": {"literal": "c"}}, {"q": "", "c": "[1, open('f')]"}, "expected a list written as Python"),
        ({"question": "q", "choices": "c"}, {"q": "", "c": "x"}, "here: choices are str, expected a list"),
        ({"question": "q"}, {"q": {"deep": 1}}, "here: 'q' is dict, expected text"),
    ],
)  # fmt: skip
def test_rows_that_are_not_what_the_recipe_says(fields: dict[str, Any], row: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        item_of(row, Fields(**fields), "here")
    assert said in str(caught.value)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """A module `datasets` that gives SPLITS and notes what was asked of it."""
    asked: list[tuple[Any, ...]] = []

    def load_dataset(path: str, name: str | None = None, **options: Any) -> list[dict[str, Any]]:
        asked.append((path, name, options))
        return SPLITS[options["split"]]

    module = ModuleType("datasets")
    module.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)
    return asked


def test_fetch_writes_what_the_config_can_name(
    tmp_path: Path, library: list[Any], capsys: Any, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as done:
        main(["benchmarks", "fetch", "gsm8k", "--out", "bench", "--train"])
    assert not done.value.code
    assert library == [
        ("openai/gsm8k", "main", {"split": "test", "revision": GSM8K_COMMIT}),
        ("openai/gsm8k", "main", {"split": "train", "revision": GSM8K_COMMIT}),
    ]
    out, err = capsys.readouterr()
    section = yaml.safe_load(out)
    assert section == {"benchmarks": {"gsm8k": {"path": "bench/gsm8k.parquet", "keep": ["train"]}}}
    assert "1 test, 5,000 train; license MIT" in err
    config = parse_config({"sources": {"s": {"path": "x", "kind": "prose"}}} | section, base=tmp_path)
    items = [item for _, item in read_items(config.resolve(config.benchmarks["gsm8k"].path))]
    assert (items[0].question, items[0].answer, items[0].split) == ("2 + 2?", "4", "test")
    assert [item.split for item in items[1:]] == ["train"] * 5000
    assert GSM8K_COMMIT.encode() in pq.read_schema("bench/gsm8k.parquet").metadata[b"midmix.benchmark"]
    assert [path.name for path in (tmp_path / "bench").iterdir()] == ["gsm8k.parquet"]


def test_files_of_a_dataset_are_read_at_its_revision(tmp_path: Path, library: list[Any], monkeypatch: Any) -> None:
    monkeypatch.setitem(SPLITS, "test", [{"question_content": "Sort.", "question_id": "1"}])
    fetched = fetch("livecodebench", recipe("livecodebench"), tmp_path)
    [(builder, _, options)] = library
    assert builder == "json"
    assert options["data_files"]["test"][1] == (
        "hf://datasets/livecodebench/code_generation_lite@0fe84c3912ea0c4d4a78037083943e8f0c4dd505/test2.jsonl"
    )
    assert fetched.config_line() == f'  livecodebench: "{tmp_path}/livecodebench.parquet"'


@pytest.mark.parametrize(
    "rows", [[{"question": "fine", "answer": "a"}] * 5000 + [{"q": "moved"}], [{"question": None, "answer": "a"}]]
)
def test_a_dataset_that_changed_leaves_the_old_file(
    tmp_path: Path, library: list[Any], monkeypatch: Any, rows: list[dict[str, Any]]
) -> None:
    fetch("gsm8k", recipe("gsm8k"), tmp_path)
    before = (tmp_path / "gsm8k.parquet").read_bytes()
    monkeypatch.setitem(SPLITS, "test", rows)
    with pytest.raises(InputError, match=r"gsm8k \(openai/gsm8k, main, split test\), row"):
        fetch("gsm8k", recipe("gsm8k"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["gsm8k.parquet"]
    assert (tmp_path / "gsm8k.parquet").read_bytes() == before


def test_a_dataset_that_cannot_be_had(tmp_path: Path, library: list[Any], monkeypatch: Any) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(sys.modules["datasets"], "load_dataset", refuse)
    with pytest.raises(InputError, match=r"split test\): cannot be fetched: ConnectionError: no route. Is the network"):
        fetch("gsm8k", recipe("gsm8k"), tmp_path)
    with pytest.raises(
        InputError, match=r"It is gated: accept its terms at https://huggingface.co/datasets/Idavidrein/gpqa"
    ):
        fetch("gpqa", recipe("gpqa"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_the_library_the_command_that_installs_it_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"pip install 'midmix\[benchmarks\]'"):
        fetch("gsm8k", recipe("gsm8k"), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_list_and_show(capsys: Any) -> None:
    for arguments in (["benchmarks", "list"], ["benchmarks", "show", "gsm8k"]):
        with pytest.raises(SystemExit) as done:
            main(arguments)
        assert not done.value.code
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith(tuple(f"{name} " for name in recipes())) for line in lines) == len(recipes())
    shown = yaml.safe_load("\n".join(lines[len(recipes()) :]))
    assert Recipe(**shown["gsm8k"]) == recipe("gsm8k")


def test_the_library_itself_on_a_folder(tmp_path: Path, monkeypatch: Any) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra `benchmarks` is not installed")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "data"
    folder.mkdir()
    table = datasets.Dataset.from_list([ARC, ARC | {"answerKey": "A"}])
    table.to_parquet(folder / "test.parquet")
    local = recipe("arc_easy").model_copy(
        update={"dataset": str(folder), "revision": "main", "configs": (), "splits": ("test",), "train": ()}
    )
    fetched = fetch("arc_easy", local, tmp_path / "out")
    assert [item.answer for _, item in read_items(str(fetched.path))] == ["c", "a"]
    [item, _] = [item for _, item in read_items(str(fetched.path))]
    assert (item.choices, item.id, item.split) == (["a", "b", "c"], "M1", "test")
