"""The corpus as files: parquet with nested metadata, compressed jsonl, one truncated parquet file, the answer sheet."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from midmix.demo.insertions import detail_json
from midmix.demo.plant import Corpus
from midmix.demo.record import Planted, Record

ROW_GROUP_BYTES = 256 * 1024
FILE_BYTES = 3_500_000
METADATA = pa.struct(
    [
        ("wheel", pa.string()), ("version", pa.string()), ("path", pa.string()), ("member", pa.string()),
        ("family", pa.string()), ("license", pa.string()), ("synthetic", pa.bool_()),
    ]
)  # fmt: skip
MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_ID_URL = [("id", pa.string()), ("url", pa.string())]
SCHEMAS = {
    "crawl": pa.schema([*_ID_URL, ("text", pa.string()), ("metadata", METADATA)]),
    "repos": pa.schema([*_ID_URL, ("content", pa.string()), ("metadata", METADATA)]),
    "problems": pa.schema([*_ID_URL, ("question", pa.string()), ("answer", pa.string()), ("metadata", METADATA)]),
    "chats": pa.schema([*_ID_URL, ("messages", MESSAGES), ("metadata", METADATA)]),
}
PLANTED = pa.schema(
    [
        ("kind", pa.string()), ("source", pa.string()), ("file", pa.string()), ("row", pa.int64()), ("other_source", pa.string()),
        ("other_file", pa.string()), ("other_row", pa.int64()), ("jaccard", pa.float64()), ("detail", pa.string()),
    ]
)  # fmt: skip


def write_sources(folder: Path, corpus: Corpus) -> None:
    """Write sources/…; every record learns its file (relative to `folder`) and row."""
    for source in ("crawl", "repos", "problems"):
        for number, rows in enumerate(_files(corpus.records[source])):
            _write_parquet(folder, f"sources/{source}/{source}-{number:03d}.parquet", rows)
    _write_parquet(folder, "sources/chats/chats.parquet", corpus.records["chats"])
    for number, rows in enumerate(_files(corpus.records["proofs"])):
        _write_jsonl(folder, f"sources/proofs/proofs-{number:03d}.jsonl.{'gz' if number % 2 else 'zst'}", rows)
    _write_truncated(folder, "sources/crawl/crawl-cut-off.parquet", corpus.lost)


def write_planted(folder: Path, corpus: Corpus) -> Path:
    """Write the answer sheet, planted.parquet, in the order of planting."""
    path = folder / "planted.parquet"
    cut_off = corpus.lost[0].file
    rows = [_sheet_row(item) for item in corpus.planted]
    rows.append(
        {"kind": "truncated_file", "source": "crawl", "file": cut_off, "detail": f'{{"rows":{len(corpus.lost)}}}'}
    )
    pq.write_table(pa.Table.from_pylist(rows, PLANTED), path)
    return path


def _sheet_row(item: Planted) -> dict[str, Any]:
    row: dict[str, Any] = {
        "kind": item.kind,
        "source": item.record.source,
        "file": item.record.file,
        "row": item.record.row,
    }
    if item.other is not None:
        row |= {"other_source": item.other.source, "other_file": item.other.file, "other_row": item.other.row}
    return row | {"jaccard": item.jaccard, "detail": detail_json(item)}


def _files(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """The records cut into at least two files of about equal size."""
    total = sum(len(record.text) for record in records)
    number = max(2, round(total / FILE_BYTES))
    start = size = done = 0
    for end, record in enumerate(records, start=1):
        size += len(record.text)
        if size >= total * (done + 1) / number and done < number - 1:
            yield records[start:end]
            start, done = end, done + 1
    yield records[start:]


def _write_parquet(folder: Path, name: str, records: Sequence[Record]) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = SCHEMAS[records[0].source]
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in row_groups(records, lambda record: len(record.text)):
            writer.write_table(pa.Table.from_pylist([parquet_row(record) for record in group], schema))
    _placed(records, name)


def row_groups(records: Sequence[Record], size_of: Callable[[Record], int]) -> Iterator[Sequence[Record]]:
    """Runs of records of about ROW_GROUP_BYTES of text."""
    start = size = 0
    for end, record in enumerate(records, start=1):
        size += size_of(record)
        if size >= ROW_GROUP_BYTES:
            yield records[start:end]
            start, size = end, 0
    if start < len(records):
        yield records[start:]


def parquet_row(record: Record) -> dict[str, Any]:
    """The columns of a record in its source's files."""
    row: dict[str, Any] = {"id": record_id(record), "url": record.url, "metadata": record.metadata}
    if record.source == "problems":
        row |= {"question": record.exercise.question, "answer": record.exercise.answer} if record.exercise else {}
    elif record.source == "chats":
        row["messages"] = record.messages
    else:
        row["content" if record.source == "repos" else "text"] = record.text
    return row | record.fields


def record_id(record: Record) -> str:
    """The user's own id of a record."""
    import hashlib

    return hashlib.blake2b(f"{record.source} {record.url}".encode(), digest_size=8).hexdigest()


def _write_jsonl(folder: Path, name: str, records: Sequence[Record]) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = b"".join(record.line + b"\n" if record.line is not None else _json_line(record) for record in records)
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(lines, 6, mtime=0))
    else:
        with pa.CompressedOutputStream(str(path), "zstd") as stream:
            stream.write(lines)
    _placed(records, name)


def _json_line(record: Record) -> bytes:
    row = {"id": record_id(record), "url": record.url, "text": record.text, "metadata": record.metadata} | record.fields
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _write_truncated(folder: Path, name: str, records: Sequence[Record]) -> None:
    """A parquet file of which the last third is missing, footer and all."""
    _write_parquet(folder, name, records)
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) * 2 // 3])


def _placed(records: Sequence[Record], name: str) -> None:
    for row, record in enumerate(records):
        record.file, record.row = name, row
