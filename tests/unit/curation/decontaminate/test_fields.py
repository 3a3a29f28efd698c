"""Which texts of an item are looked for."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from midmix.curation.decontaminate.fields import FIELDS, item_fields
from midmix.tables import EVALUATION_ITEMS

PROMPT = '''from typing import List


def add(a: int, b: int) -> int:
    """ Add two numbers, however large they are.
    >>> add(1, 2)
    3
    """
'''


def fields(**columns: Any) -> dict[str, str]:
    row = dict.fromkeys(EVALUATION_ITEMS.schema().names) | {"set": "s", "role": "benchmark", "item": 4} | columns
    found = item_fields(pa.Table.from_pylist([row], EVALUATION_ITEMS.schema()))
    assert {field.item for field in found} == {4}
    return {FIELDS[field.code]: field.text for field in found}


def test_a_word_problem() -> None:
    assert fields(question="How many?", answer="72") == {"question": "How many?", "answer": "72"}


def test_plain_text_and_an_unknown_answer() -> None:
    assert fields(answer="Some text.") == {"answer": "Some text."}
    assert fields(question="Why?", answer="") == {"question": "Why?"}


def test_passage_and_choices() -> None:
    assert fields(question="Who?", answer="B", passage="Ann met Bo.", choices=["Ann", "Bo"]) == {
        "question": "Who?", "answer": "B", "passage": "Ann met Bo.", "choices": "Who?\nAnn\nBo",
    }  # fmt: skip


def test_code_with_a_docstring() -> None:
    found = fields(question=PROMPT, answer="    return a + b\n")
    assert list(found) == ["prompt", "docstring", "prose", "body"]
    assert found["prompt"] == PROMPT
    assert found["docstring"].split() == "Add two numbers, however large they are. >>> add(1, 2) 3".split()
    assert found["prose"].strip() == "Add two numbers, however large they are."


def test_the_docstring_is_the_last_one() -> None:
    prompt = "def one():\n    \"\"\"First.\"\"\"\n    return 1\n\n\ndef two():\n    '''Second.'''\n"
    assert fields(question=prompt, answer="    return 2\n")["docstring"] == "Second."


def test_a_question_that_asks_for_code() -> None:
    found = fields(question="Write a function that adds.", answer="def add(a, b):\n    return a + b")
    assert list(found) == ["question", "body"]


@pytest.mark.parametrize("answer", ["72", "yes", "x + 1", "it is so", "a" * 9 + "(" * 4000, "\0"])
def test_no_code(answer: str) -> None:
    assert list(fields(question="What?", answer=answer)) == ["question", "answer"]
