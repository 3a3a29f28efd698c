"""What a table is: columns with types, units and meaning; and the document key."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

KEY = pa.uint64()
HASH = pa.binary(16)
TEXT = pa.large_string()


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type and what it means, unit included.

    `group` names the column group of a table that several units of work fill (one scorer, one rater): each group is
    a file of its own with the same rows, so that adding a scorer rewrites nothing. A `packed` column of whole numbers
    is stored as differences in as few bits as they take, and not compressed further.
    """

    name: str
    dtype: pa.DataType
    meaning: str
    nullable: bool = False
    group: str = ""
    packed: bool = False


@dataclass(frozen=True)
class Table:
    """A table of the run: columns in order, key columns (rows are unique and sorted by them), and who reads it."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    internal: bool = False

    def schema(self, group: str | None = None) -> pa.Schema:
        """The Arrow schema; of one column group (key columns first) when `group` is given."""
        chosen = [c for c in self.columns if group is None or c.name in self.key or c.group == group]
        if group and not any(c.group == group for c in chosen):
            raise KeyError(f"table {self.name} has no column group {group!r}; it has {', '.join(self.groups)}")
        return pa.schema([pa.field(c.name, c.dtype, nullable=c.nullable) for c in chosen])

    @property
    def packed(self) -> tuple[str, ...]:
        """Names of the packed columns."""
        return tuple(c.name for c in self.columns if c.packed)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the column groups, in order; empty for a table that is written whole."""
        return tuple(dict.fromkeys(c.group for c in self.columns if c.group))


def column_group(group: str, *rows: tuple[str, pa.DataType, str]) -> tuple[Column, ...]:
    """Columns without NULLs that one scorer fills, from (name, type, meaning)."""
    return tuple(Column(name, dtype, meaning, group=group) for name, dtype, meaning in rows)


def doc_column(meaning: str = "document key, part << 32 | row, printed part:row") -> Column:
    return Column("doc", KEY, meaning)


def doc_key(part: int, row: int) -> int:
    """The document key of a row: `part << 32 | row`."""
    return part << 32 | row


def format_key(key: int) -> str:
    """A key as people read it: `part:row`."""
    return f"{key >> 32}:{key & 0xFFFFFFFF}"


def parse_key(text: str) -> int:
    """The key behind `part:row`. Raises ValueError on any other form."""
    part, separator, row = text.partition(":")
    if not separator or not part.isdecimal() or not row.isdecimal() or int(part) >= 2**31 or int(row) >= 2**32:
        raise ValueError(f"got {text!r}, expected a document key such as 3:17 (part:row)")
    return doc_key(int(part), int(row))
