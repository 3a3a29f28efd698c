"""A row of a dataset as an item, by a recipe's field map."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any

from midmix.curation.decontaminate.catalogue.recipe import Choice, Fields, Literal
from midmix.errors import InputError

Row = Mapping[str, Any]


def item_of(row: Row, fields: Fields, place: str) -> dict[str, Any]:
    """question, answer, passage, choices and id of a row; None where the recipe names no field or the row has none.

    Raises InputError with the place when a field is missing or is not what the recipe says.
    """
    choices = _choices(row, fields.choices, place)
    asked = (fields.question,) if isinstance(fields.question, str) else fields.question
    parts = [_text(row, path, place) for path in asked]
    return {
        "question": " ".join(part.strip() for part in parts if part) if len(parts) > 1 else parts[0],
        "answer": _answer(row, fields.answer, choices, place),
        "passage": _text(row, fields.passage, place),
        "choices": choices,
        "id": _text(row, fields.id, place),
    }


def _at(row: Row, path: str, place: str) -> Any:
    value: Any = row
    for key in path.split("."):
        if not isinstance(value, Mapping):
            return None
        if key not in value:
            got = ", ".join(map(str, value))
            raise InputError(
                f"{place}: got fields {got}, expected '{path}'. The dataset is not what the recipe was made for; "
                "write its rows as JSON lines with question and answer yourself."
            )
        value = value[key]
    return value


def _text(row: Row, path: str | None, place: str) -> str | None:
    return None if path is None else _as_text(_at(row, path, place), f"{place}: '{path}'")


def _as_text(value: Any, what: str) -> str | None:
    """Texts as they are, numbers and truth values as JSON writes them, a list as its different values, one a line."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, list | tuple):
        texts = [text for each in value if (text := _as_text(each, what)) is not None]
        return "\n".join(dict.fromkeys(texts)) or None
    raise InputError(
        f"{what} is {type(value).__name__}, expected text. The dataset is not what the recipe was made for."
    )


def _choices(row: Row, wanted: str | tuple[str, ...] | Literal | None, place: str) -> list[str] | None:
    if wanted is None:
        return None
    if isinstance(wanted, tuple):
        value: Any = [_at(row, path, place) for path in wanted]
    elif isinstance(wanted, Literal):
        value = _literal(_at(row, wanted.literal, place), f"{place}: '{wanted.literal}'")
    else:
        value = _at(row, wanted, place)
    if not isinstance(value, list | tuple):
        raise InputError(f"{place}: choices are {type(value).__name__}, expected a list of texts.")
    return [_as_text(each, f"{place}: choices") or "" for each in value]


def _literal(value: Any, what: str) -> Any:
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise InputError(f"{what} is {value!r:.80}, expected a list written as Python writes it.") from None


def _answer(row: Row, wanted: str | Choice | None, choices: list[str] | None, place: str) -> str | None:
    if not isinstance(wanted, Choice):
        return _text(row, wanted, place)
    assert choices is not None  # the recipe was refused otherwise
    value = _at(row, wanted.choice, place)
    if value in (None, "", -1, "-1"):
        return None  # splits whose answers are withheld
    what = f"{place}: '{wanted.choice}' is {value!r}"
    if wanted.labels is not None:
        labels = _at(row, wanted.labels, place)
        if not isinstance(labels, list | tuple) or value not in labels:
            raise InputError(f"{what}, expected one of the labels {labels!r:.80}.")
        number = list(labels).index(value)
    else:
        try:
            number = int(value) - wanted.first
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"{what}, expected the number of a choice.") from None
    if not 0 <= number < len(choices):
        raise InputError(f"{what}, which is no choice: there are {len(choices)}, counted from {wanted.first}.")
    return choices[number]
