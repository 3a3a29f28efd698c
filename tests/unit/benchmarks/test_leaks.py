"""The parts of `benchmarks/decontaminate.py`: rewrites do what they say, places are right, counts are exact."""

from __future__ import annotations

import ast
import importlib
import re
from collections import Counter
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
QUESTION = (
    "Janet has 12 eggs, and her friend Ben buys 3 of them for $1,250. How many eggs are left for two pies? "
    "She bakes with the rest."
)
PROMPT = '''def add_all(values, start):
    """ Add them up, from start.
    >>> add_all([1, 2], 0)
    3
    """
'''
BODY = """    total = start
    for value in values:
        total += value  # one by one
    return total
"""


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """name -> a module of the benchmark."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))

    def load(name: str) -> ModuleType:
        return importlib.import_module(f"leaks.{name}")

    return load


@pytest.mark.parametrize("name", ["carriers", "code", "figures", "formulas", "peers", "planting", "prose"])
def test_what_plants_and_counts_knows_nothing_of_the_rules(name: str) -> None:
    for node in ast.walk(ast.parse((BENCHMARKS / "leaks" / f"{name}.py").read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert not any(module.startswith("midmix") for module in modules)


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def test_rewrites_of_prose(parts: Any) -> None:
    prose = parts("prose")
    draw = Random(1)
    numbers = re.findall(r"\d[\d,]*", QUESTION)
    assert words(prose.whitespace(QUESTION, draw).lower()) == words(QUESTION.lower())
    assert QUESTION.startswith(prose.first_part(QUESTION, draw)) and QUESTION.endswith(prose.last_part(QUESTION, draw))
    assert len(prose.first_part(QUESTION, draw).split()) == round(0.6 * len(QUESTION.split()))
    renamed = prose.names(QUESTION, draw)
    assert [a == b for a, b in zip(words(QUESTION), words(renamed), strict=True)].count(False) == 2
    assert "Janet" not in renamed and "Ben" not in renamed and re.findall(r"\d[\d,]*", renamed) == numbers
    assert "eggs" not in prose.names_nouns(QUESTION, draw)
    other = prose.numbers(QUESTION, draw)
    assert not set(re.findall(r"\d[\d,]*", other)) & set(numbers) and "two" not in other
    assert re.sub(r"\d[\d,]*|\b\w+(?= pies)", "#", other) == re.sub(r"\d[\d,]*|\b\w+(?= pies)", "#", QUESTION)
    one = prose.one_number(QUESTION, draw)
    assert [a == b for a, b in zip(QUESTION.split(), one.split(), strict=True)].count(False) == 1
    assert Counter(words(prose.shuffled_sentences(QUESTION, draw))) == Counter(words(QUESTION))
    assert prose.shuffled_sentences(QUESTION, draw) != QUESTION
    assert set(words(prose.dropped_words(QUESTION, draw))) < set(words(QUESTION))
    assert set(words(prose.inserted_words(QUESTION, draw))) > set(words(QUESTION))
    assert prose.digits_to_words("He has 12 of 1250.", draw) == "He has twelve of 1250."
    assert prose.without_calculator("5+5=<<5+5=10>>10", draw) == "5+5=10"
    assert prose.names("nobody is here", draw) is None and prose.numbers("no number", draw) is None
    assert re.sub(r"<[^>]*>|\s", "", prose.html("a < b. It's", draw)) == "a&lt;b.It&#39;s"


def test_rewrites_of_code(parts: Any) -> None:
    code = parts("code")
    draw = Random(1)
    whole = PROMPT + BODY
    assert "Add them up" in code.docstring(PROMPT, draw) and "def" not in code.docstring(PROMPT, draw)
    renamed = code.renamed(whole, draw)
    assert "Add them up, from start." in renamed and "# one by one" in renamed
    [function] = ast.parse(renamed).body
    assert isinstance(function, ast.FunctionDef) and f">>> {function.name}([1, 2], 0)" in renamed
    own = {"add_all", "values", "start", "total", "value"}
    assert not own & {node.id for node in ast.walk(function) if isinstance(node, ast.Name)} and function.name not in own
    bare = ["def add_all(values, start):", *BODY.replace("  # one by one", "").splitlines()]
    assert code.stripped(whole, draw).splitlines() == bare
    assert "Add them up" not in code.renamed_body(whole, draw)
    assert len(code.renamed_body(whole, draw).splitlines()) == 5
    assert code.renamed("def broken(:", draw) is None and code.reformatted("def broken(:", draw) is None


def test_formulas_in_other_notations(parts: Any) -> None:
    made = parts("formulas")
    half = made.Node("fraction", "", (made.Node("leaf", "1"), made.Node("leaf", "x")))
    square = made.Node("power", "", (made.Node("leaf", "y"), made.Node("leaf", "2")))
    product = made.Node("product", "", (half, made.Node("sum", "", (square, made.Node("leaf", "3")))))
    one = made.Formula("{0} {le} {1}.", product, square)
    assert one.written(made.AS_WRITTEN) == r"$\frac{1}{x} \cdot \left(y^{2} + 3\right)$ $\leq$ $y^{2}$."
    assert [one.written(style) for style in made.REWRITES] == [
        r"$\frac 1 x \cdot (y^{2}+3)$ $\leq$ $y^{2}$.",
        r"\(1 / x * (y^2 + 3)\) ≤ \(y^2\).",
        r"\(\dfrac{1}{x} \times \left(y^{2}+3\right)\) \(\le\) \(y^{2}\).",
        "1 / x * (y**2 + 3) <= y**2.",
        r"\[\frac{1}{x} · \bigl(y^{2} + 3\bigr)\] ≤ \[y^{2}\].",
    ]
    assert "{1 \\over x}" in one.written(made.HARD_REWRITES[0]) and "y²" in one.written(made.HARD_REWRITES[2])
    other = made.other_numbers(one, Random(1)).written(made.AS_WRITTEN)
    pattern = re.compile(r"\d+")
    assert pattern.sub("#", other) == pattern.sub("#", one.written(made.AS_WRITTEN))
    assert not set(pattern.findall(other)) & set("123")


def ordinary(parts: Any, folder: Path, seed: int) -> Any:
    for kind in ("prose", "code"):
        (folder / kind).mkdir(exist_ok=True)
        texts = [f"{kind} {i} — " + "words go on and on.\n" * (15 + 30 * i) for i in range(30)] + ["short", None]
        pq.write_table(pa.table({"text": texts}), folder / kind / "a.parquet")
    return parts("carriers").Ordinary(folder, seed)


def test_ordinary_documents_are_cut_whole_and_carriers_are_apart(parts: Any, tmp_path: Path) -> None:
    found = ordinary(parts, tmp_path, 1)
    pieces = list(found.pieces())
    assert len(found.documents) == 54 and pieces == list(found.pieces())
    assert all(300 <= len(piece.encode()) < 1100 for piece in pieces)
    assert all(any(piece in text for text in found.documents) for piece in pieces)
    assert len(found.carrier(500, Random(1), code=True)) == 500
    assert {len(text) for text in found.of_size(300, 5)} <= {300}


def test_planting(parts: Any, tmp_path: Path) -> None:
    planting, formulas = parts("planting"), parts("formulas")
    rows = [{"question": f"Anna has {i} apples, and Tom has {i * 7} pears. How many are there in 3 boxes, on day {i}? They are ripe.",
             "answer": f"{i} + {7 * i} = <<{i}+{7 * i}={8 * i}>>{8 * i}\n#### {8 * i}"} for i in range(11, 40)]  # fmt: skip
    items = {"gsm8k": rows, "humaneval": [{"question": PROMPT, "answer": BODY}]}
    made = planting.formulas(10)
    arguments = (items, made, ordinary(parts, tmp_path, 1), 1, 12)
    planted = planting.plant(*arguments)
    assert planted == planting.plant(*arguments)
    counts = Counter(one.kind for one in planted)
    assert all(counts[c.name] == (12 if c.set == "gsm8k" else 1) for c in planting.CLASSES)
    assert counts["latex"] == 12 and counts["latex_same_stem"] == 6
    for one in planted:
        place = one.text.encode()[one.start : one.end].decode()
        if one.kind in ("verbatim", "verbatim_alone", "embedded"):
            assert place == rows[one.item]["question"]
        if one.kind == "embedded":
            assert 5000 <= len(one.text) - len(place) <= 20_004
        if one.kind == "code_verbatim":
            assert place == PROMPT + BODY
    assert {one.text for one in planted if one.kind == "verbatim_alone"} <= {row["question"] for row in rows}
    other = planting.plant(items, made, arguments[2], 2, 12)
    assert [one.text for one in other] != [one.text for one in planted]
    assert made[0].written(formulas.AS_WRITTEN) == planting.formulas(1)[0].written(formulas.AS_WRITTEN)


def test_counts_are_exact(parts: Any) -> None:
    figures, planting = parts("figures"), parts("planting")

    def planted(kind: str, item: int, expected: str = "leak") -> Any:
        return planting.Planted(kind, "s", item, ("question",), expected, "", 100, 200)

    def hit(doc: int, item: int, label: str, start: int, end: int, layer: str = "alignment") -> Any:
        return figures.Hit(doc, "s", item, "question", layer, label, "full", start, end)

    documents = [planted("names", i) for i in range(5)] + [planted("numbers", i, "variant") for i in range(3)]
    hits = [
        hit(0, 0, "leak", 90, 101), hit(0, 0, "variant", 100, 200),  # found, and a variant beside it
        hit(1, 7, "leak", 100, 200),  # another item
        hit(2, 2, "leak", 0, 100),  # another place
        hit(3, 3, "variant", 100, 200),  # not as what it is
        hit(3, 3, "leak", 100, 200, "8-gram"),
        hit(5, 0, "variant", 150, 160), hit(6, 1, "leak", 150, 160), hit(6, 1, "variant", 150, 160),
    ]  # fmt: skip
    coverage = {("s", i, "question") for i in range(4)}
    peers = {"ngram": [{("s", 0)}, {("s", 5)}, {("s", -1)}, set(), {("s", 4)}, set(), set(), set()]}
    classes = figures.count_classes(documents, hits, coverage, {"8-gram"}, peers)
    found = figures.figures(classes, {"names": "leak", "numbers": "variant"})
    assert found == {
        "recall_names": 0.25, "detectable_names": 0.8, "ngram_names": 0.5,
        "variant_numbers": pytest.approx(1 / 3), "variant_numbers_as_leak": pytest.approx(1 / 3),
        "detectable_numbers": 1.0, "ngram_numbers": 0.0,
    }  # fmt: skip
    lines = figures.table(classes, {"names": "leak", "numbers": "variant"})
    assert lines[1].split() == ["names", "leak", "5", "4", "0.250", "0.250", "0.250", "0.250", "0.500"]
