"""What a page is made of: sections of charts, tables and key figures, and how numbers read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from markupsafe import Markup

Cell = str | int | float | bool | None
Row = dict[str, Any]


class Relation(Protocol):
    """The answer to a query, such as DuckDB's relation."""

    def fetchall(self) -> list[Any]:
        """All rows, as tuples."""


class Queryable(Protocol):
    """An open run: what `midmix.open` returns."""

    def sql(self, query: str) -> Relation:
        """The answer to one SELECT over the run's views."""


def fetch(run: Queryable, names: str, query: str) -> list[Row]:
    """Rows of a query as dicts under the given names, one for each selected column."""
    keys = names.split()
    return [dict(zip(keys, row, strict=True)) for row in run.sql(query).fetchall()]


@dataclass(frozen=True)
class Planted:
    """One line of the comparison with an answer sheet: what was planted, how many of them, and how many were found."""

    what: str
    planted: int
    found: int
    words: str = ""


@dataclass(frozen=True)
class Chart:
    """A drawing with its caption; `small` ones stand side by side."""

    svg: Markup
    caption: str = ""
    small: bool = False


@dataclass(frozen=True)
class Grid:
    """A table: headings, and cells already in their printed form. `numeric` names the right-aligned columns."""

    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numeric: frozenset[int] = frozenset()
    caption: str = ""
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page. With neither charts nor tables, `missing` says what would bring them."""

    name: str
    title: str
    words: str
    missing: str
    charts: Sequence[Chart] = ()
    grids: Sequence[Grid] = ()
    folded: Sequence[Chart] = ()
    folded_title: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.charts or self.grids or self.folded)


@dataclass(frozen=True)
class Figure:
    """A key figure on top of the page; `tone` is good, warn, bad or plain."""

    label: str
    value: str
    detail: str = ""
    tone: str = "plain"


TONES = {"supported": "good", "weak": "warn", "not supported": "bad"}


def tone(verdict: str) -> str:
    """The tone of a verdict."""
    return TONES.get(verdict, "plain")


def count(value: int | None) -> str:
    """12345 as 12,345; a dash for NULL."""
    return "–" if value is None else f"{int(value):,}"


def number(value: float | None, digits: int = 4) -> str:
    """A float with `digits` significant ones, without an exponent where it stays short; a dash for NULL."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"  # a negative zero too
    if 1e-4 <= abs(value) < 1e6:
        decimals = digits - 1 - math.floor(math.log10(abs(value)))
        text = f"{value:,.{max(0, min(decimals, 6))}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.{digits - 1}e}"


def interval(low: float | None, high: float | None) -> str:
    """[low, high]; a dash where either is NULL."""
    return "–" if low is None or high is None else f"[{number(low)}, {number(high)}]"


def percent(part: float | None, whole: float | None = 1) -> str:
    """part / whole with one decimal; a dash where there is no whole."""
    return "–" if part is None or not whole else f"{100 * part / whole:.1f}%"


def num_bytes(value: int | None) -> str:
    """A size in decimal units: 1.5 MB; a dash for NULL."""
    if value is None:
        return "–"
    size, units = float(value), ["B", "kB", "MB", "GB", "TB", "PB"]
    while abs(size) >= 999.5 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{size:.0f} {units[0]}" if units[0] == "B" or size >= 100 else f"{size:.1f} {units[0]}"


def text(value: object) -> str:
    """A cell of plain text; a dash for NULL."""
    return "–" if value is None else str(value)
