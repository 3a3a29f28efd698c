"""Fields of evaluation items: the texts that are looked for. A code item's prompt gives its docstring besides."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from midmix.tables import TEXT

FIELDS = ("answer", "question", "passage", "choices", "prompt", "docstring", "prose", "body")
ANSWER, QUESTION, PASSAGE, CHOICES, PROMPT, DOCSTRING, PROSE, BODY = range(8)
_DEFINITION = re.compile(r"^[ \t]*(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(", re.MULTILINE)
_STRING = re.compile(r"(\"\"\"|''')(.*?)\1", re.DOTALL)
_EXAMPLES = re.compile(r">>>|\b[Ee]xamples?\b|\b[Ff]or example")
# Statements that tell code from words that happen to parse, such as a number or a name.
_CODE = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Return, ast.Assign, ast.AugAssign, ast.For, ast.While,
    ast.If, ast.With, ast.Try, ast.Import, ast.ImportFrom,
)  # fmt: skip


@dataclass(frozen=True)
class Field:
    """A text of an item to look for.

    row: the item's row in its set's table; code: place in FIELDS; before: the prompt that a body continues.
    """

    row: int
    item: int
    code: int
    text: str
    before: str = ""


def item_fields(items: pa.Table) -> list[Field]:
    """The fields of rows of EVALUATION_ITEMS in order; empty texts are none."""
    return [
        Field(number, row["item"], code, text, (row["question"] or "") if code == BODY else "")
        for number, row in enumerate(items.select(["item", "question", "answer", "passage", "choices"]).to_pylist())
        for code, text in _texts(row["question"] or "", row["answer"] or "", row["passage"] or "", row["choices"] or [])
        if text
    ]


def _texts(question: str, answer: str, passage: str, choices: list[str]) -> Iterator[tuple[int, str]]:
    if _DEFINITION.search(question) and (_is_code(question + answer) or _STRING.search(question)):
        yield PROMPT, question
        strings = _STRING.findall(question)
        docstring = strings[-1][1] if strings else ""
        yield DOCSTRING, docstring
        opening = _EXAMPLES.split(docstring)[0]
        yield PROSE, opening if len(opening) < len(docstring) - 5 else ""
        yield BODY, answer
    else:
        yield QUESTION, question
        yield BODY if _is_code(answer) else ANSWER, answer
    yield PASSAGE, passage
    yield CHOICES, "\n".join([question, *choices]) if choices else ""


def _is_code(text: str) -> bool:
    """Whether a text parses as Python and does something."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return any(isinstance(statement, _CODE) for statement in ast.parse(text).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def field_texts(fields: list[Field]) -> pa.LargeStringArray:
    """The texts of fields."""
    return pa.array([field.text for field in fields], TEXT)
