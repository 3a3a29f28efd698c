"""Values of all columns but the text as plain Python ones, as text and as JSON. No value stops a row, nor a run."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa


def distinct_names(names: Sequence[str]) -> list[str]:
    """The names in their order; of those that are equal the second is name_1, and so on."""
    found: list[str] = []
    for name in names:
        candidates = (name, *(f"{name}_{number}" for number in range(1, len(names) + 1)))
        found.append(next(c for c in candidates if c not in found))
    return found


def python_values(column: pa.ChunkedArray) -> list[Any]:
    """The column's values. Times that Python cannot hold are text; bytes of a string that are no UTF-8, lone surrogates."""
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError, pa.ArrowException):
        return [_python_value(value) for chunk in column.chunks for value in chunk]


def _python_value(value: Any) -> Any:
    try:
        return value.as_py()
    except (ValueError, OverflowError, pa.ArrowException):
        if pa.types.is_struct(value.type):
            names = distinct_names([field.name for field in value.type])
            return {name: _python_value(value[i]) for i, name in enumerate(names)}
        if pa.types.is_nested(value.type):
            return [_python_value(inner) for inner in value.values]
        if pa.types.is_dictionary(value.type):
            return _python_value(value.dictionary[value.index.as_py()])
        if pa.types.is_temporal(value.type):
            return _time_as_text(value)
        return bytes(value.as_buffer()).decode(errors="surrogateescape")


def _time_as_text(value: Any) -> str:
    try:
        return str(value.cast(pa.string()).as_py())
    except pa.ArrowException:
        return f"{value.value} {value.type}"


def as_text(value: Any) -> str | None:
    """A value as plain text: bytes as they read, or in hexadecimal; lists and objects as JSON."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return _bytes_as_text(value)
    text = value if isinstance(value, str) else to_json(value) if isinstance(value, bool | list | dict) else str(value)
    return text.encode(errors="replace").decode()


def _bytes_as_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def to_json(value: Any) -> str:
    """Nested values as compact JSON; what JSON lacks (dates, bytes, decimals) as text, and as null what is no number."""
    try:
        text = _dump(value)
    except ValueError:
        text = _dump(_with_null_for_nan(value))
    return text.encode(errors="replace").decode()


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=as_text, separators=(",", ":"), allow_nan=False)


def _with_null_for_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _with_null_for_nan(v) for k, v in value.items()}
    return [_with_null_for_nan(v) for v in value] if isinstance(value, list | tuple) else value
