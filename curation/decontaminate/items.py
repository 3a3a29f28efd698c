"""Evaluation items: benchmark files and the run's own evaluation sets as rows of EVALUATION_ITEMS."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import IO, Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from midmix.curation.decontaminate.index import gram_lengths
from midmix.curation.decontaminate.words import word_hashes
from midmix.errors import InputError
from midmix.tables import EVALUATION_ITEMS, TEXT

# Fields that hold a question or an answer, first found first taken. A worked solution tells more of an item than its
# last number, so it comes before `answer`.
QUESTION_FIELDS = ("question", "prompt", "problem")
ANSWER_FIELDS = ("solution", "canonical_solution", "answer")
TEXT_FIELD = "text"
_ROWS = 4096
Item = tuple[str | None, str]


def read_items(location: str) -> Iterator[Item]:
    """(question or None, answer) of every row of a jsonl(.gz, .zst) or parquet file; empty lines are no rows.

    Raises InputError that names the file and the line or row when it is no item.
    """
    if location.lower().endswith((".parquet", ".pq")):
        return _parquet_items(location)
    return _jsonl_items(location)


def _jsonl_items(location: str) -> Iterator[Item]:
    number = 0
    try:
        with _open(location) as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield _item(_parse(line, f"{location}, line {number}"), f"{location}, line {number}")
    except FileNotFoundError:
        raise InputError(f"{location}: no such file. Correct its path in the config, or take the set out.") from None
    except OSError as error:
        raise InputError(f"{location}: cannot be read after line {number}: {error}. Fetch it again.") from None


def _open(location: str) -> IO[bytes]:
    """The decompressed bytes of a file. Arrow's decompressors raise OSError where a file was cut off."""
    stream: IO[bytes] = fsspec.open(location, "rb").open()
    codec = {"gz": "gzip", "zst": "zstd"}.get(location.lower().rpartition(".")[2])
    return io.BufferedReader(pa.CompressedInputStream(stream, codec)) if codec else stream


def _parse(line: bytes, where: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: no valid JSON ({error}). Evaluation sets may have no bad row; mend it.") from None


def _parquet_items(location: str) -> Iterator[Item]:
    number = 0
    try:
        with fsspec.open(location, "rb") as stream, pq.ParquetFile(stream) as file:
            wanted = {*QUESTION_FIELDS, *ANSWER_FIELDS, TEXT_FIELD}
            columns = [name for name in file.schema_arrow.names if name in wanted]
            for batch in file.iter_batches(_ROWS, columns=columns, use_threads=False):
                for row in batch.to_pylist():
                    yield _item(row, f"{location}, row {number}")
                    number += 1
    except FileNotFoundError:
        raise InputError(f"{location}: no such file. Correct its path in the config, or take the set out.") from None
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{location}: cannot be read after row {number}: {error}. Fetch it again.") from None


def _item(row: Any, where: str) -> Item:
    if not isinstance(row, dict):
        raise InputError(f"{where}: got {type(row).__name__}, expected an object with {_expected()}. Mend the row.")
    question = _first(row, QUESTION_FIELDS, where)
    answer = _first(row, ANSWER_FIELDS, where)
    if answer is None:
        answer = _first(row, (TEXT_FIELD,), where)
    if answer is None:
        got = ", ".join(sorted(map(str, row))) or "nothing"
        raise InputError(f"{where}: got fields {got}, expected {_expected()}. Rename the fields, or mend the row.")
    return question, answer


def _expected() -> str:
    return f"an answer ({', '.join(ANSWER_FIELDS)}) with or without a question ({', '.join(QUESTION_FIELDS)}), or text"


def _first(row: dict[str, Any], names: tuple[str, ...], where: str) -> str | None:
    """The first of the fields that the row has and that is not null, as text; numbers as JSON writes them."""
    for name in names:
        value = row.get(name)
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise InputError(f"{where}: '{name}' is no valid Unicode (a lone surrogate). Mend the row.") from None
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return json.dumps(value)
        if value is not None:
            raise InputError(f"{where}: '{name}' is {type(value).__name__}, expected text or a number. Mend the row.")
    return None


def item_rows(name: str, role: str, location: str, *, ngram: int, min_words: int) -> Iterator[pa.Table]:
    """Rows of EVALUATION_ITEMS of one set, in order. Raises InputError; also when the file holds no item."""
    first = 0
    waiting: list[Item] = []
    for item in read_items(location):
        waiting.append(item)
        if len(waiting) == _ROWS:
            yield _rows(name, role, first, waiting, ngram, min_words)
            first, waiting = first + len(waiting), []
    if waiting:
        yield _rows(name, role, first, waiting, ngram, min_words)
    elif first == 0:
        raise InputError(f"{location}: no item in it. Correct the path of set '{name}' in the config, or take it out.")


def _rows(name: str, role: str, first: int, items: list[Item], ngram: int, min_words: int) -> pa.Table:
    questions = pa.array([question for question, _ in items], TEXT)
    answers = pa.array([answer for _, answer in items], TEXT)
    detectable = _detectable(questions.fill_null(""), ngram, min_words) | _detectable(answers, ngram, min_words)
    columns = [
        pa.array([name] * len(items)),
        pa.array([role] * len(items)),
        pa.array(np.arange(first, first + len(items))),
        questions,
        answers,
        pa.array(detectable),
    ]
    return pa.table(columns, names=EVALUATION_ITEMS.schema().names).cast(EVALUATION_ITEMS.schema())


def _detectable(texts: pa.LargeStringArray, ngram: int, min_words: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    offsets, _ = word_hashes(texts)
    return gram_lengths(np.diff(offsets), ngram, min_words) > 0
