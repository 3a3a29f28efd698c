"""Parts: the unit of work, a run of row groups of one file; and how their text is read.

Text stays where it lies. A part of a file that had to be converted (jsonl, chats, templates) points to its copy in
the run folder, whose text column is `text`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from midmix.errors import InputError
from midmix.layer import locate
from midmix.table_files import read_file, read_table
from midmix.tables import PARTS, TEXT

if TYPE_CHECKING:
    from midmix.config import Config

ROW_MASK = 0xFFFFFFFF
BYTE_TYPES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)


@dataclass(frozen=True)
class Part:
    """One part. `path` is the file as PARTS names it; `location` is where its parquet is read from."""

    id: int
    source: str
    kind: str
    path: str
    location: str
    file_hash: str
    first_row_group: int
    num_row_groups: int
    first_row: int
    rows: int
    text_bytes: int
    text_column: str

    @property
    def item(self) -> str:
        """The part's name in file names and records."""
        return f"p{self.id:08d}"

    @property
    def row_groups(self) -> list[int]:
        """Row groups of the file that make up the part."""
        return list(range(self.first_row_group, self.first_row_group + self.num_row_groups))


@dataclass(frozen=True)
class Documents:
    """Readable documents of one part, in the order of their keys (uint64 [n]) with their text (large_string [n])."""

    keys: npt.NDArray[np.uint64]
    texts: pa.LargeStringArray
    source: str
    kind: str
    num_bytes: int


def load_parts(folder: Path, config: Config) -> list[Part]:
    """All parts of a run, in the order of their ids. Empty before the ingest step."""
    return [_part(row, folder, config) for row in read_table(folder, PARTS).to_pylist()]


def _part(row: dict[str, Any], folder: Path, config: Config) -> Part:
    source = config.sources.get(row["source"])
    return Part(
        id=row["part"],
        source=row["source"],
        kind=source.kind if source else "prose",
        path=row["path"],
        location=str(locate(folder, row["stored"])) if row["stored"] else config.resolve(row["path"]),
        **{
            name: row[name]
            for name in (
                "file_hash", "first_row_group", "num_row_groups", "first_row", "rows", "text_bytes", "text_column"
            )
        },
    )  # fmt: skip


def open_parquet(location: str) -> pq.ParquetFile:
    """A parquet file, local or behind an fsspec URL. Raises InputError that names it when it cannot be opened."""
    try:
        if "://" in location:
            import fsspec

            return pq.ParquetFile(fsspec.open(location, "rb").open())
        return pq.ParquetFile(location, memory_map=True)
    except FileNotFoundError:
        raise InputError(
            f"{location}: no such file. It was there when it was ingested; put it back, or take it out of the config."
        ) from None
    except (pa.ArrowException, OSError) as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number else str(error).splitlines()[0]
        raise InputError(f"{location}: no readable parquet file: {reason}") from None


def read_column(part: Part, column: str, row_groups: Sequence[int] | None = None) -> pa.Array:
    """One column of the part's row groups as a single Arrow array. Raises InputError when pages are damaged."""
    groups = part.row_groups if row_groups is None else list(row_groups)
    with open_parquet(part.location) as file:
        _group_sizes(part, file)
        return _read(part, file, column, groups)


def _read(part: Part, file: pq.ParquetFile, column: str, groups: list[int]) -> pa.Array:
    try:
        data = file.read_row_groups(groups, columns=[column], use_threads=False).column(0)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{part.path}, row groups {groups[0]}-{groups[-1]}: {str(error).splitlines()[0]}") from None
    return _as_text(data.combine_chunks() if data.num_chunks != 1 else data.chunk(0))


def _as_text(data: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(data.type):
        data = data.dictionary_decode()
    if pa.types.is_string(data.type) or pa.types.is_string_view(data.type):
        return data.cast(TEXT)
    if any(is_bytes(data.type) for is_bytes in BYTE_TYPES):  # ingest sets rows aside that are no UTF-8
        return data.cast(pa.large_binary()).cast(TEXT, safe=False)
    return data


def document_keys(files: Sequence[Path]) -> npt.NDArray[np.uint64]:
    """Keys in these files of a table, in their order."""
    columns = [read_file(path, ["doc"]).column(0) for path in files]
    return np.concatenate([c.to_numpy() for c in columns]) if columns else np.empty(0, np.uint64)


def _group_sizes(part: Part, file: pq.ParquetFile) -> list[int]:
    """Rows of the part's row groups. Raises InputError where the file is plainly not the one that was cut."""
    groups = range(file.metadata.num_row_groups)
    sizes = [file.metadata.row_group(g).num_rows if g in groups else 0 for g in part.row_groups]
    if sum(sizes) != part.rows:
        raise InputError(
            f"{part.path}: {sum(sizes)} rows where {part.rows} were ingested: it has changed since. Run with --from ingest."
        )
    return sizes


def read_rows(part: Part, rows: npt.NDArray[np.int64]) -> pa.LargeStringArray:
    """Raw text of some rows of the part (ordinals in the part, ascending); only their row groups are read."""
    pieces = []
    with open_parquet(part.location) as file:
        starts = np.concatenate([[0], np.cumsum(_group_sizes(part, file))])
        limits = np.searchsorted(rows, starts)
        for group in np.flatnonzero(np.diff(limits)).tolist():
            texts = _read(part, file, part.text_column, [part.first_row_group + group])
            wanted = rows[limits[group] : limits[group + 1]] - starts[group]
            pieces.append(texts if len(wanted) == len(texts) else texts.take(pa.array(wanted)))
    return pa.concat_arrays(pieces) if pieces else pa.array([], TEXT)
