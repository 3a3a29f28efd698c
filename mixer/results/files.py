"""Files of results as records: CSV, parquet or JSON lines, one record a row, with the line that it stands on."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from midmix.errors import InputError


@dataclass(frozen=True)
class Place:
    """A line of a file, or a row of a parquet file, from 1; 0 for the file as a whole."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else str(self.path)


@dataclass(frozen=True)
class Bad:
    """A row that was left out, and why."""

    place: Place
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass(frozen=True)
class Record:
    """One row: column to value. Texts of a CSV stay texts; nested objects of JSON become `outer:inner` columns."""

    place: Place
    values: Mapping[str, Any]


def read_records(path: Path, bad: list[Bad]) -> list[Record]:
    """The rows of a file by its suffix; rows that have no form go to `bad`. Raises InputError when it cannot be read."""
    readers = {".csv": _csv, ".tsv": _csv, ".parquet": _parquet, ".jsonl": _json_lines}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: ends in {path.suffix or 'nothing'!r}, expected .csv, .tsv, .parquet or .jsonl")
    try:
        return list(reader(path, bad))
    except (OSError, UnicodeDecodeError, pa.ArrowInvalid, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {error}. Give a file of results.") from None


def _csv(path: Path, bad: list[Bad]) -> Iterator[Record]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        header = next(reader, [])
        if len(set(header)) < len(header):
            twice = next(name for name in header if header.count(name) > 1)
            raise InputError(f"{path}: column {twice!r} stands twice in the first line; name each column once")
        for row in reader:
            place = Place(path, reader.line_num)
            if len(row) == len(header):
                yield Record(place, dict(zip(header, row, strict=True)))
            elif row:
                bad.append(Bad(place, f"has {len(row)} values, the first line names {len(header)} columns"))


def _parquet(path: Path, bad: list[Bad]) -> Iterator[Record]:
    for number, row in enumerate(pq.read_table(path).to_pylist(), 1):
        yield Record(Place(path, number), _flat(row))


def _json_lines(path: Path, bad: list[Bad]) -> Iterator[Record]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            bad.append(Bad(Place(path, number), f"is no JSON: {error}"))
            continue
        if isinstance(value, dict):
            yield Record(Place(path, number), _flat(value))
        else:
            bad.append(Bad(Place(path, number), f"is {type(value).__name__}, expected an object"))


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}:{inner}": of for inner, of in value.items() if of is not None}
        else:
            flat[name] = value
    return flat


def number(value: Any, what: str) -> float:
    """A finite number. Raises ValueError that says what was got."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{what} is {value!r}, expected a number") from None
    if not math.isfinite(found):
        raise ValueError(f"{what} is {value}, expected a finite number")
    return found


def is_empty(value: Any) -> bool:
    """Whether a cell holds nothing."""
    return value is None or (isinstance(value, str) and not value.strip())
