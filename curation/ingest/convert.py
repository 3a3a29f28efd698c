"""Files that must be converted (jsonl, chats, templates) to a parquet copy, once, streaming.

The copy has one row per line or row of the original, so that a document's row is its place in the file; a row that
cannot be read has a NULL text and its reason in `problem`.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from midmix.config import Source
from midmix.curation.ingest.values import as_text, distinct_names, python_values, to_json
from midmix.errors import InputError
from midmix.parts import open_parquet

SCHEMA = pa.schema(
    [
        ("text", pa.large_string()),
        ("id", pa.string()),
        ("url", pa.string()),
        ("metadata", pa.string()),
        ("problem", pa.string()),
    ]
)
MAX_LINE_BYTES = 256 * 2**20
ROW_GROUPS_PER_PART = 4
Row = dict[str, str | None]


def convert(location: str, source: Source, destination: Path, part_bytes: int) -> int:
    """Write the parquet copy of a file and return the bytes of text in it. Bad rows are kept, with their reason."""
    rows = (
        _parquet_rows(location, source)
        if location.lower().endswith((".parquet", ".pq"))
        else _jsonl_rows(location, source)
    )
    total = 0
    with pq.ParquetWriter(destination, SCHEMA, compression="zstd", compression_level=3, use_dictionary=False) as writer:
        for group in _groups(rows, max(part_bytes // ROW_GROUPS_PER_PART, 1)):
            writer.write_table(pa.Table.from_pylist(group, SCHEMA))
            total += sum(len((row["text"] or "").encode()) for row in group)
    return total


def _groups(rows: Iterator[Row], num_bytes: int) -> Iterator[list[Row]]:
    group: list[Row] = []
    size = 0
    for row in rows:
        group.append(row)
        size += len(row["text"] or "") + 16
        if size >= num_bytes:
            yield group
            group, size = [], 0
    if group:
        yield group


def _problem(reason: str) -> Row:
    return {"text": None, "id": None, "url": None, "metadata": None, "problem": reason}


def _jsonl_rows(location: str, source: Source) -> Iterator[Row]:
    try:
        with _open(location) as stream:
            yield from _lines(stream, source)
    except (OSError, EOFError, zlib.error) as error:
        yield _problem(f"the file cannot be read on from here: {getattr(error, 'strerror', None) or error}")
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "zstandard":  # zstandard.ZstdError is no OSError
            raise
        yield _problem(f"the file cannot be read on from here: {error}")


def _open(location: str) -> IO[bytes]:
    import fsspec

    # A local name is no URL: "::" in it chains nothing and "*" is no glob.
    filesystem, path = fsspec.core.url_to_fs(location) if "://" in location else (fsspec.filesystem("file"), location)
    stream: IO[bytes] = filesystem.open(path, "rb", compression="infer")
    return stream


def _lines(stream: IO[bytes], source: Source) -> Iterator[Row]:
    import io

    reader = io.BufferedReader(stream, 1 << 20) if not isinstance(stream, io.BufferedIOBase) else stream  # type: ignore[type-var]
    while line := reader.readline(MAX_LINE_BYTES):
        if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := reader.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield _problem(f"a line of {MAX_LINE_BYTES >> 20} MB or more")
            continue
        yield _row(_parse(line), source)


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return ValueError(f"text is not valid UTF-8 at byte {error.start} of the line")
    except (ValueError, RecursionError) as error:
        return ValueError(f"no valid JSON: {error}" if line.strip() else "the line is empty")


def _parquet_rows(location: str, source: Source) -> Iterator[Row]:
    try:
        with open_parquet(location) as file:
            for batch in file.iter_batches(1024, use_threads=False):
                names = distinct_names(batch.schema.names)
                columns = [python_values(pa.chunked_array([column])) for column in batch.columns]
                for values in zip(*columns, strict=True):
                    yield _row(dict(zip(names, values, strict=True)), source)
    except (InputError, pa.ArrowException, OSError) as error:
        yield _problem(f"the file cannot be read on from here: {str(error).removeprefix(f'{location}: ')}")


def _row(values: Any, source: Source) -> Row:
    if isinstance(values, ValueError):
        return _problem(str(values))
    if not isinstance(values, dict):
        return _problem(f"the row is {_type_name(values)}, expected an object")
    try:
        text, used = _text_of(values, source)
        text.encode()
    except UnicodeEncodeError:
        return _problem("text is not valid UTF-8: damaged bytes or a lone surrogate")
    except ValueError as error:
        return _problem(str(error))
    used_up = {*used, source.id_column, source.url_column}.difference(kept_of_template(source))
    rest = {k: v for k, v in values.items() if k not in used_up}
    return {
        "text": text,
        "id": as_text(values.get(source.id_column)),
        "url": as_text(values.get(source.url_column)),
        "metadata": to_json(rest) if rest else None,
        "problem": None,
    }


def _text_of(values: dict[str, Any], source: Source) -> tuple[str, tuple[str, ...]]:
    """The text and the fields that it was made of. Raises ValueError that says what is wrong."""
    if source.messages:
        return _chat(values.get(source.messages), source.messages), (source.messages,)
    if source.template:
        names = tuple(re.findall(r"\{(\w+)\}", source.template))
        texts = {name: _string(values, name) for name in names}
        return re.sub(r"\{(\w+)\}", lambda match: texts[match[1]], source.template), names
    return _string(values, source.text_column), (source.text_column,)


def kept_of_template(source: Source) -> list[str]:
    """Fields of the template that the metadata has as well, since they say which documents belong together."""
    names = re.findall(r"\{(\w+)\}", source.template or "")
    return sorted(set(names).intersection((source.group, source.group_order)))


def _string(values: dict[str, Any], name: str) -> str:
    if name not in values:
        raise ValueError(f"no field '{name}'")
    if values[name] is None:
        raise ValueError(f"{'text' if name == 'text' else repr(name)} is null")
    if not isinstance(values[name], str):
        raise ValueError(f"'{name}' is {_type_name(values[name])}, expected a string")
    return str(values[name])


def _chat(messages: Any, name: str) -> str:
    """Messages as paragraphs that start with the role; no special tokens, which would cost a model its chat format."""
    if not isinstance(messages, list) or not messages:
        raise ValueError(f"'{name}' is {_type_name(messages)}, expected a list of messages")
    paragraphs = []
    for message in messages:
        if not isinstance(message, dict):
            raise ValueError(f"a message is {_type_name(message)}, expected an object with 'role' and 'content'")
        paragraphs.append(f"{_string(message, 'role').capitalize()}: {_string(message, 'content')}")
    return "\n\n".join(paragraphs)


def _type_name(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), type(value).__name__)
