"""Evaluation items: benchmark files and the run's own evaluation sets as rows of EVALUATION_ITEMS."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from midmix.errors import InputError
from midmix.tables import EVALUATION_ITEMS

# Fields that hold a question or an answer, first found first taken. A worked solution tells more of an item than its
# last number, so it comes before `answer`.
QUESTION_FIELDS = ("question", "prompt", "problem")
ANSWER_FIELDS = ("solution", "canonical_solution", "answer")
PASSAGE_FIELDS = ("passage", "context")
CHOICES_FIELDS = ("choices", "options")
ID_FIELDS = ("id", "task_id")
SPLIT_FIELD = "split"
TEXT_FIELD = "text"
_FIELDS = (
    *QUESTION_FIELDS, *ANSWER_FIELDS, *PASSAGE_FIELDS, *CHOICES_FIELDS, *ID_FIELDS, SPLIT_FIELD, TEXT_FIELD,
)  # fmt: skip
_ROWS = 4096


class Item(NamedTuple):
    """A row of a benchmark or evaluation set; at least one of question and answer is there."""

    question: str | None
    answer: str | None
    passage: str | None = None
    choices: list[str] | None = None
    id: str | None = None
    split: str | None = None


def read_items(location: str) -> Iterator[tuple[str, Item]]:
    """(place, item) of every row of a jsonl(.gz, .zst) or parquet file; empty lines are no rows.

    The place names the file and the line (from 1) or row (from 0). Raises InputError with the place where a row is no
    item, and where the file cannot be read to its end.
    """
    if location.lower().endswith((".parquet", ".pq")):
        return _parquet_items(location)
    return _jsonl_items(location)


def _jsonl_items(location: str) -> Iterator[tuple[str, Item]]:
    number = 0
    try:
        with _open(location) as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    place = f"{location}, line {number}"
                    yield place, _item(_parse(line, place), place)
    except FileNotFoundError:
        raise InputError(f"{location}: no such file. Correct its path in the config, or take the set out.") from None
    except OSError as error:
        raise InputError(f"{location}: cannot be read after line {number}: {error}. Fetch it again.") from None


def _open(location: str) -> IO[bytes]:
    """The decompressed bytes of a file. Arrow's decompressors raise OSError where a file was cut off."""
    stream: IO[bytes] = fsspec.open(location, "rb").open()
    codec = {"gz": "gzip", "zst": "zstd"}.get(location.lower().rpartition(".")[2])
    return io.BufferedReader(pa.CompressedInputStream(stream, codec)) if codec else stream


def _parse(line: bytes, place: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: no valid JSON ({error}). Evaluation sets may have no bad row; mend it.") from None


def _parquet_items(location: str) -> Iterator[tuple[str, Item]]:
    number = 0
    try:
        with fsspec.open(location, "rb") as stream, pq.ParquetFile(stream) as file:
            columns = [name for name in file.schema_arrow.names if name in _FIELDS]
            for batch in file.iter_batches(_ROWS, columns=columns, use_threads=False):
                for row in batch.to_pylist():
                    place = f"{location}, row {number}"
                    yield place, _item(row, place)
                    number += 1
    except FileNotFoundError:
        raise InputError(f"{location}: no such file. Correct its path in the config, or take the set out.") from None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{location}: cannot be read after row {number}: {error}. Fetch it again.") from None


def _item(row: Any, place: str) -> Item:
    if not isinstance(row, dict):
        raise InputError(f"{place}: got {type(row).__name__}, expected an object with {_expected()}. Mend the row.")
    question = _first(row, QUESTION_FIELDS, place)
    answer = _first(row, (*ANSWER_FIELDS, TEXT_FIELD), place)
    if question is None and answer is None:
        got = ", ".join(sorted(map(str, row))) or "nothing"
        raise InputError(f"{place}: got fields {got}, expected {_expected()}. Rename the fields, or mend the row.")
    return Item(
        question,
        answer,
        _first(row, PASSAGE_FIELDS, place),
        _choices(row, place),
        _first(row, ID_FIELDS, place),
        _first(row, (SPLIT_FIELD,), place),
    )


def _expected() -> str:
    return f"a question ({', '.join(QUESTION_FIELDS)}), an answer ({', '.join(ANSWER_FIELDS)}) or both, or text"


def _first(row: dict[str, Any], names: tuple[str, ...], place: str) -> str | None:
    """The first of the fields that the row has and that is not null, as text."""
    for name in names:
        if row.get(name) is not None:
            return _text(row[name], f"{place}: '{name}'")
    return None


def _text(value: Any, what: str) -> str:
    """A text as it is, a number as JSON writes it. Raises InputError for any other value."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InputError(f"{what} is no valid Unicode (a lone surrogate). Mend the row.") from None
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return json.dumps(value)
    raise InputError(f"{what} is {type(value).__name__}, expected text or a number. Mend the row.")


def _choices(row: dict[str, Any], place: str) -> list[str] | None:
    """The choices: a list of texts, or an object that has them under `text`, beside its labels."""
    for name in CHOICES_FIELDS:
        value = row.get(name)
        if isinstance(value, dict):
            value = value.get(TEXT_FIELD, value)
        if isinstance(value, list):
            return [_text(choice, f"{place}: '{name}' {number}") for number, choice in enumerate(value)]
        if value is not None:
            got = type(value).__name__
            raise InputError(f"{place}: '{name}' is {got}, expected a list of texts. Mend the row.")
    return None


def item_rows(
    name: str, role: str, location: str, *, split: str | None = None, keep: tuple[str, ...] = ()
) -> Iterator[pa.Table]:
    """Rows of EVALUATION_ITEMS of one set, in order; of one split alone where it is named.

    Items are numbered by their rows in the file, whatever the split. Raises InputError where a row is no item, where
    the file has no item (of that split), where a row that must name its split does not, where a split of `keep` is not
    in the file, and where an item of a target or retain set has no answer to measure.
    """
    seen: set[str] = set()
    taken: list[tuple[int, Item]] = []
    ordinal = -1
    for ordinal, (place, item) in enumerate(read_items(location)):
        if item.answer is None and role != "benchmark":
            raise InputError(
                f"{place}: no answer ({', '.join(ANSWER_FIELDS)}), but {role}s are measured. Mend the row."
            )
        if item.split is not None:
            seen.add(item.split)
        elif split is not None or keep:
            raise InputError(f"{place}: no field '{SPLIT_FIELD}', but {_asked(name, split)}. Add it, or take that out.")
        if split in (None, item.split):
            taken.append((ordinal, item))
        if len(taken) == _ROWS:
            yield _rows(name, role, taken)
            taken = []
    if ordinal < 0:
        raise InputError(f"{location}: no item in it. Correct the path of set '{name}' in the config, or take it out.")
    for asked in (*([] if split is None else [split]), *keep):
        if asked not in seen:
            there = ", ".join(sorted(seen))
            raise InputError(f"{location}: no item of split '{asked}', which set '{name}' names. It has {there}.")
    if taken:
        yield _rows(name, role, taken)


def _asked(name: str, split: str | None) -> str:
    return (
        f"benchmarks.{name} asks for split '{split}'" if split is not None else f"benchmarks.{name}.keep names splits"
    )


def _rows(name: str, role: str, items: list[tuple[int, Item]]) -> pa.Table:
    common = {"set": name, "role": role}
    rows = [common | {"item": ordinal} | item._asdict() | {"answer": item.answer or ""} for ordinal, item in items]
    return pa.Table.from_pylist(rows, EVALUATION_ITEMS.schema())
