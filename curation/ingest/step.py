"""The ingest step: files -> SOURCES, PARTS, DOCUMENTS, QUARANTINE."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from midmix.config import Config, Source
from midmix.curation.ingest.convert import convert, kept_of_template
from midmix.curation.ingest.cut import cut_file
from midmix.curation.ingest.documents import read_part
from midmix.curation.ingest.files import RawFile, as_settings, raw_files
from midmix.errors import InputError
from midmix.layer import locate, path_in_run
from midmix.parts import load_parts
from midmix.step import Context
from midmix.table_manifest import load_manifest
from midmix.tables import COPIES, DOCUMENTS, PARTS, QUARANTINE, SOURCES
from midmix.task import Output, Task

VERSION = 1
HIGHEST = "highest_part.txt"


def run(context: Context) -> None:
    """List files, convert those that need it, cut them into parts, and read every row once."""
    config = context.config
    files = raw_files(config, context.folder)
    copies = _convert(context, [f for f in files if needs_copy(f, config.sources[f.source])])
    context.gather(
        cut_parts,
        writes=(PARTS, SOURCES, QUARANTINE),
        settings={
            "files": [as_settings(f) for f in files],
            "sources": _source_rows(config),
            "part_bytes": config.part_bytes,
        },
        extra={(f.source, f.path): (f.location, copies.get((f.source, f.path))) for f in files},
    )
    context.parts = load_parts(context.folder, config)
    context.per_part(
        read_documents_of,
        writes=(DOCUMENTS, QUARANTINE),
        units=lambda part: {"": _columns(config, config.sources[part.source], (part.source, part.path) in copies)},
    )


def _convert(context: Context, files: list[RawFile]) -> dict[tuple[str, str], str]:
    """Convert files once; (source, path) to the copy's path in the run folder."""
    sources = context.config.sources
    named = {copy_name(f): f for f in files}
    context.batches(
        convert_file,
        writes=(COPIES,),
        items={
            name: as_settings(f) | {"form": _form(sources[f.source]), "part_bytes": context.config.part_bytes}
            for name, f in named.items()
        },
        extra={name: (f.location, sources[f.source]) for name, f in named.items()},
    )
    stored = load_manifest(context.folder, COPIES.name).attachments
    return {(f.source, f.path): path_in_run(stored[f"{name}.parquet"]) for name, f in named.items()}


def _columns(config: Config, source: Source, converted: bool) -> dict[str, Any]:
    identity, address = ("id", "url") if converted else (source.id_column, source.url_column)
    longest = config.max_document_mb
    return {"id_column": identity, "url_column": address, "converted": converted, "max_document_mb": longest}


def needs_copy(file: RawFile, source: Source) -> bool:
    """Whether the file is converted once: anything but parquet with a text column."""
    return not file.is_parquet or bool(source.messages or source.template)


def copy_name(file: RawFile) -> str:
    """Name of a file's converted copy."""
    return f"{file.source}-{hashlib.sha256(file.path.encode()).hexdigest()[:12]}"


def _form(source: Source) -> dict[str, Any]:
    fields = ("text_column", "id_column", "url_column", "messages", "template")
    kept = kept_of_template(source)
    return {name: getattr(source, name) for name in fields} | ({"kept_of_template": kept} if kept else {})


def _source_rows(config: Config) -> list[dict[str, Any]]:
    rank = {name: i for i, name in enumerate(config.survivor_order)}
    return [
        {"source": name, "position": i, "survivor_rank": rank[name]}
        | {f: getattr(s, f) for f in ("kind", "license", "snapshot", "origin", "teacher", "path")}
        | {"text_column": s.text_column}
        for i, (name, s) in enumerate(config.read_sources.items())
    ]


def convert_file(task: Task, output: Output) -> None:
    """Work of one file: its parquet copy, attached to COPIES."""
    location, source = task.extra[task.item]
    read: list[int] = []

    def write(path: Path) -> None:
        read.append(convert(location, source, path, task.settings["part_bytes"]))

    output.attach(COPIES, f"{task.item}.parquet", write)
    row = {"source": task.settings["source"], "path": task.settings["path"], "file_hash": task.settings["hash"]}
    output.table(COPIES, pa.Table.from_pylist([row | {"text_bytes": read[0]}], COPIES.schema()))
    output.read_text(read[0])


def cut_parts(task: Task, output: Output) -> None:
    """Work over all files: SOURCES, PARTS (old ids kept, new ones after the highest ever used), unreadable files."""
    sources = {row["source"]: row for row in task.settings["sources"]}
    known = _known_parts(task)
    next_id = 1 + max([row["part"] for rows in known.values() for row in rows] + [_highest_used(task)], default=-1)
    parts: list[dict[str, Any]] = []
    bad: list[dict[str, Any]] = []
    for file in task.settings["files"]:
        location, stored = task.extra[file["source"], file["path"]]
        column = "text" if stored else sources[file["source"]]["text_column"]
        old = known.get((file["source"], file["path"], file["hash"], column, stored))
        if old is None:
            place = str(locate(task.folder, stored)) if stored else location
            try:
                cuts = cut_file(place, column, task.settings["part_bytes"])
            except InputError as error:
                reason = str(error).removeprefix(f"{place}: ")
                bad.append({"source": file["source"], "file": file["path"], "row": None, "rows": 0, "reason": reason})
                continue
            old = [_part_row(file, sources, cut, column, stored) for cut in cuts]
            for row in old:
                row["part"], next_id = next_id, next_id + 1
        parts.extend(row | {"snapshot": sources[file["source"]]["snapshot"]} for row in old)
    output.attach(PARTS, HIGHEST, lambda path: _write_number(path, next_id - 1))
    parts.sort(key=lambda row: int(row["part"]))
    output.table(PARTS, pa.Table.from_pylist(parts, PARTS.schema()), stem="parts")
    names = SOURCES.schema().names
    rows = [{name: row[name] for name in names} for row in sorted(sources.values(), key=lambda r: str(r["source"]))]
    output.table(SOURCES, pa.Table.from_pylist(rows, SOURCES.schema()), stem="sources")
    if bad:
        output.table(QUARANTINE, pa.Table.from_pylist(bad, QUARANTINE.schema()), stem="files")


def _part_row(
    file: dict[str, Any], sources: dict[str, Any], cut: Any, column: str, stored: str | None
) -> dict[str, Any]:
    return {
        "part": -1,
        "source": file["source"],
        "snapshot": sources[file["source"]]["snapshot"],
        "path": file["path"],
        "stored": stored,
        "file_hash": file["hash"],
        "text_column": column,
        **vars(cut),
    }


def _known_parts(task: Task) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    known: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for path in task.previous[PARTS.name]:
        for row in pq.read_table(path).to_pylist():
            identity = (row["source"], row["path"], row["file_hash"], row["text_column"], row["stored"])
            known.setdefault(identity, []).append(row)
    return known


def _highest_used(task: Task) -> int:
    """The highest part id ever given out: published with PARTS, so that ids of parts that went are not used again."""
    path = load_manifest(task.folder, PARTS.name).attachments.get(HIGHEST)
    return int((task.folder / path).read_text()) if path else -1


def _write_number(path: Path, number: int) -> None:
    path.write_text(str(number))


def read_documents_of(task: Task, output: Output) -> None:
    """Work of one part: see `midmix.curation.ingest.documents`."""
    read_part(task, output)
