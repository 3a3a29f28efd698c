"""Which documents of a source make one training document together: files of a repository, posts of a thread.

A source's `group` and `group_order` each name a column of the source, or are SQL over the columns of DOCUMENTS, such as
`string_split(url, '/')[3]` for the pages of a site. A document whose group is NULL or empty stays alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from midmix.config import Config, Source
from midmix.errors import ConfigError, StepError
from midmix.expression import lock, parse_expressions
from midmix.table_files import read_file
from midmix.table_manifest import load_manifest
from midmix.tables import DOCUMENTS, HASH

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PERSON = b"midmix.group"


@dataclass(frozen=True)
class Grouping:
    """SQL over DOCUMENTS: the group of a document and its place there; `columns` are those that both name."""

    group: str
    order: str
    columns: tuple[str, ...]

    def settings(self) -> dict[str, object]:
        """What groups depend on, as JSON."""
        return asdict(self) | {"columns": list(self.columns)}


def open_groupings(config: Config) -> dict[str, Grouping]:
    """The groupings of the sources that have one. Raises ConfigError on what is no expression over DOCUMENTS."""
    asked = {name: source for name, source in config.read_sources.items() if source.group is not None}
    named = {
        f"{name}.{field}": _sql(source, value)
        for name, source in asked.items()
        for field, value in (("group", source.group), ("group_order", source.group_order))
        if value is not None
    }
    parsed = parse_expressions(named, DOCUMENTS.schema(), section="sources", gives="value")
    found = {}
    for name in asked:
        group, order = parsed[f"{name}.group"], parsed.get(f"{name}.group_order")
        columns = {*group.columns, *(order.columns if order else ())}
        found[name] = Grouping(group.sql, order.sql if order else "NULL", tuple(sorted(columns - {"doc"})))
    return found


def _sql(source: Source, value: str) -> str:
    """A plain name is a column of the source, of which the metadata has all that DOCUMENTS has no column for."""
    if not _PLAIN_NAME.fullmatch(value):
        return value
    own = {source.id_column: "user_id", source.url_column: "url"}
    return own.get(value) or f"""json_extract_string(metadata, '$."{value}"')"""


def read_groups(grouping: Grouping, files: Sequence[Path], keys: npt.NDArray[np.uint64]) -> pa.Table:
    """`group` and `group_order` (string, NULL where there is none) of the documents `keys`, uint64[n], in their order.

    `files` are those of DOCUMENTS that hold them, in rising order of key as `keys` are.
    """
    documents = pa.concat_tables([read_file(path, ["doc", *grouping.columns]) for path in files])
    every = documents.column("doc").to_numpy()
    rows = np.searchsorted(every, keys)
    if len(rows) and (rows[-1] >= len(every) or not np.array_equal(every[rows], keys)):
        raise StepError("curated documents are not among the documents of their part; run the step 'apply' again")
    asked = documents.take(pa.array(rows)).append_column("row_of_kept", pa.array(np.arange(len(rows))))
    with duckdb.connect(":memory:") as connection:
        connection.register("kept", asked)
        lock(connection)
        found = connection.sql(
            f"SELECT row_of_kept, nullif(CAST((\n{grouping.group}\n) AS VARCHAR), '') AS \"group\", "
            f"CAST((\n{grouping.order}\n) AS VARCHAR) AS group_order FROM kept"
        ).to_arrow_table()
    return found.sort_by("row_of_kept").drop_columns(["row_of_kept"])


class Groups:
    """Groups of kept documents, part by part. Raises ConfigError as `open_groupings`."""

    def __init__(self, folder: Path, config: Config) -> None:
        self._folder, self._groupings = folder, open_groupings(config)
        self._documents = load_manifest(folder, DOCUMENTS.name)
        self._found: dict[str, bool] = {}

    def of_part(self, part: int, kept: pa.Table) -> pa.Table | None:
        """`read_groups` of the part's kept documents (`doc` and `source`); None where its source has no groups."""
        source = kept.column("source")[0].as_py()
        if source not in self._groupings:
            return None
        files = self._documents.paths(self._folder, part=part)
        found = read_groups(self._groupings[source], files, kept.column("doc").to_numpy())
        some = found.column("group").null_count < found.num_rows
        self._found[source] = self._found.get(source, False) or some
        return found

    def refuse_none(self) -> None:
        """Raise ConfigError where no document of a source had a group: its column has another name."""
        for source, found in self._found.items():
            if not found:
                raise ConfigError(
                    f"config: 'sources.{source}.group': no kept document of the source has one by "
                    f'{self._groupings[source].group}; `midmix sql RUN "SELECT metadata FROM documents WHERE source = '
                    f"'{source}' LIMIT 1\"` shows its columns. Name one of them, or leave 'group' out."
                )


def split_hashes(source: str, groups: pa.Array, content_hashes: pa.FixedSizeBinaryArray) -> pa.FixedSizeBinaryArray:
    """What split and place of each document are drawn by: its group's 128-bit hash, else its own content hash.

    So a group is whole in one split, whatever its files hold and whichever of them come later.
    """
    groups = groups.combine_chunks() if isinstance(groups, pa.ChunkedArray) else groups
    codes = groups.dictionary_encode()
    salt = hashlib.blake2b(source.encode(), digest_size=16).digest()
    digests = [
        hashlib.blake2b(name.encode(), digest_size=16, key=salt, person=_PERSON).digest()
        for name in codes.dictionary.to_pylist()
    ]
    own = pa.array(digests, HASH).take(codes.indices)
    return pc.if_else(pc.is_valid(groups), own, content_hashes)
