"""Tokens of code whose names do not matter, and renamed code found by them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from midmix.curation.decontaminate.code_tokens import NEAR, tokenize_code
from midmix.curation.decontaminate.find import build_index, find_leaks_in
from midmix.tables import EVALUATION_ITEMS, TEXT

PROMPT = 'def running_best(values, floor):\n    """Largest so far."""\n'
BODY = """    best = floor
    out = []
    for place, value in enumerate(values):
        if value > best and place % 2 == 0:
            best = value
        elif value < -best:
            out.append(sum(values[:place]) // 3)
        out.append(best)
    return sorted(out, reverse=True)[1:]
"""


def renamed(text: str) -> str:
    for old, new in (
        ("value", "x"),
        ("xs", "data"),
        ("place", "i7"),
        ("out", "collected"),
        ("best", "top_one"),
        ("floor", "low"),
    ):
        text = text.replace(old, new)
    return text


def hashes(text: str) -> list[int]:
    return tokenize_code(pa.array([text], TEXT))[1].hashes.tolist()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (BODY, renamed(BODY)),
        ("a = b + a", "left = right + left"),
        ("f(a, b)", "g((x), y)"),
        ("x = 'it'", 'y = "it"'),
        ("x = 1  # one", "x=1"),
        ('def f():\n    """Doc."""\n    return 1', "def g(): return 1"),
        ("x = f'{y}'", "x = '{y}'"),
        ("x.append(y)", "z.append(w)"),
    ],
)
def test_same_structure(one: str, other: str) -> None:
    assert hashes(one) == hashes(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a = b + a", "a = b + b"), ("a + 1", "a + 2"), ("a.append(b)", "a.extend(b)"), ("len(a)", "sum(a)"),
        ("x = 'it'", "x = 'is'"), ("a == b", "a != b"), ("a[b]", "a + b"), ("x ** y", "x * y"), ("if a: b", "while a: b"),
    ],
)  # fmt: skip
def test_other_structure(one: str, other: str) -> None:
    assert hashes(one) != hashes(other)


def test_a_name_far_back_is_any_name() -> None:
    gap = " 1" * NEAR
    assert hashes(f"a = b{gap} a") == hashes(f"a = b{gap} c")
    near = " 1" * (NEAR - 6)
    assert hashes(f"a = b{near} a") != hashes(f"a = b{near} c")


def test_texts_share_no_names() -> None:
    offsets, tokens = tokenize_code(pa.array(["a = b", "b = a", ""], TEXT))
    assert tokens.hashes[: offsets[1]].tolist() == tokens.hashes[offsets[1] : offsets[2]].tolist()


@pytest.mark.parametrize("text", ["'", '"""', "'''a", "'\\", "#", "x = 'a\\'", '""', "f'", "é = 'é"])
def test_bytes_beyond_the_end_are_not_read(text: str) -> None:
    alone = hashes(text)
    for behind in ("'''\"\"\"", "abc", "= 1"):
        offsets, tokens = tokenize_code(pa.array([text, behind], TEXT))
        assert tokens.hashes[: offsets[1]].tolist() == alone


def find(texts: list[str], body: str = BODY) -> list[tuple[int, str, str]]:
    row: dict[str, Any] = dict.fromkeys(EVALUATION_ITEMS.schema().names)
    row |= {"set": "s", "role": "benchmark", "item": 0, "question": PROMPT, "answer": body}
    index = build_index(pa.Table.from_pylist([row], EVALUATION_ITEMS.schema()))
    rows = find_leaks_in(pa.array(texts, TEXT), index).to_pylist()
    rows = [row for row in rows if row["layer"] == "structure"]
    assert {(row["field"], row["label"], row["rule"]) for row in rows} <= {("body", "leak", "renamed")}
    return [
        (row["document"], row["field"], texts[row["document"]].encode()[row["start_byte"] : row["end_byte"]].decode())
        for row in rows
    ]


def test_renamed_code_is_found_in_its_place() -> None:
    before = "import os\n\n\ndef other(a):\n    return os.path.join(a, 'x')\n\n\n"
    signature = "def track(xs, low):\n"
    text = before + signature + renamed(BODY) + "\n\nprint(track([1, 2], 0))\n"
    [(_, _, found)] = find([text])
    assert renamed(BODY).strip().startswith(found[:20])
    assert found.endswith("sorted(collected, reverse=True)[1:]")


def test_other_code_is_not_found() -> None:
    other = (
        BODY.replace("enumerate", "zip")
        .replace("sum", "max")
        .replace("%", "+")
        .replace("elif", "if")
        .replace("append", "add")
    )
    assert find([other.replace("value > best and", "best or"), BODY.replace("    return sorted", "    print")]) == []


def test_a_short_body_is_not_looked_for() -> None:
    assert find(["def g(a):\n    return a * a + 1\n"], "    return values * values + 1\n") == []
