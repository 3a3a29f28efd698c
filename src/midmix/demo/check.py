"""What a run found of what was planted, from the run's views alone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from midmix.tables import doc_key, format_key

THRESHOLD = 0.8
Query = Callable[[str], pa.Table]
Row = dict[str, Any]
Sheet = dict[str, list[Row]]
_EXAMPLES = 5


@dataclass(frozen=True)
class Finding:
    """Of one kind, how many were planted and found, the share that must be, and where some of the missed ones lie."""

    kind: str
    planted: int
    found: int
    needed: float
    missed_examples: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether enough was found."""
        return self.found >= self.needed * self.planted


def compare(query: Query, planted: Path) -> list[Finding]:
    """One finding per kind, in a fixed order. `query` answers SQL over a run's views; `planted` is the answer sheet.

    A pair of near-duplicates counts as found when its two documents are linked in `pairs`, when both repeat the same
    kept document, or when one was dropped for a document that is linked to the other. Documents are found by the file
    and row of the sheet, through the view `parts`.
    """
    run = _Run(query)
    sheet: Sheet = defaultdict(list)
    for row in pq.read_table(planted).to_pylist():
        row["detail"] = json.loads(row["detail"])
        row["doc"], row["other"] = run.doc(row["file"], row["row"]), run.doc(row["other_file"], row["other_row"])
        sheet[row["kind"]].append(row)
    return [*_pairs(run, sheet), *_contents(run, sheet), *_damage(run, sheet)]


def _pairs(run: _Run, sheet: Sheet) -> list[Finding]:
    near = [row for row in sheet["near"] if row["jaccard"] >= THRESHOLD]
    apart = [row for row in sheet["near"] if row["jaccard"] < THRESHOLD]
    return [
        _finding("exact copies", sheet["exact"], run.repeats_exactly),
        _finding("near copies, Jaccard 0.8 and over", near, run.is_near, 0.95),
        _finding("near copies below 0.8, not dropped for one another", apart, run.stands_apart),
        _finding(
            "documents dropped as repeats, each verified", run.repeats, lambda r: (r["jaccard"] or 0.0) >= THRESHOLD
        ),
        _finding("same problem, other numbers", sheet["template"], run.is_template),
    ]


def _contents(run: _Run, sheet: Sheet) -> list[Finding]:
    tells = [row for row in sheet["leak"] if run.can_tell(row)]
    silent = [row for row in sheet["leak"] if not run.can_tell(row)]
    return [
        _finding("leaks that the rule can tell", tells, run.leaks),
        _finding("documents with such leaks, dropped", tells, lambda row: not run.is_kept(row)),
        _finding("leaks too short to tell", silent, run.leaks, 0.0),
        _finding("addresses and keys", sheet["secret"], run.covers),
        _finding("boilerplate lines", sheet["boilerplate"], run.has_boilerplate),
        _finding("mojibake", sheet["mojibake"], lambda row: run.garbled.get(row["doc"], 0.0) > 0),
        _finding("empty documents, not kept", sheet["empty"], lambda row: run.is_known(row) and not run.is_kept(row)),
        _finding(
            "huge documents, read", sheet["huge"], lambda r: run.num_bytes.get(r["doc"]) == r["detail"]["num_bytes"]
        ),
    ]


def _damage(run: _Run, sheet: Sheet) -> list[Finding]:
    return [
        _finding("rows with null text", sheet["null_text"], run.is_quarantined),
        _finding("rows with no text in them", sheet["not_text"], run.is_quarantined),
        _finding("lines of invalid JSON", sheet["invalid_json"], run.is_quarantined),
        _finding("lines of invalid UTF-8", sheet["invalid_utf8"], run.is_quarantined),
        _finding("truncated file", sheet["truncated_file"], run.is_quarantined),
        _finding("rows and files set aside rightly", run.set_aside(), _in_sheet(sheet)),
    ]


def _finding(kind: str, rows: Iterable[Row], test: Callable[[Row], bool], needed: float = 1.0) -> Finding:
    rows = list(rows)
    missed = [row for row in rows if not test(row)]
    return Finding(kind, len(rows), len(rows) - len(missed), needed, tuple(_where(row) for row in missed[:_EXAMPLES]))


def _where(row: Row) -> str:
    if row.get("file") is None:
        return f"{format_key(row['doc'])} repeats {format_key(row['other'])}"
    place = f"{row['file']} row {row['row']}" if row["row"] is not None else str(row["file"])
    key = f" ({format_key(row['doc'])})" if row.get("doc") is not None else ""
    other = f" and {row['other_file']} row {row['other_row']}" if row.get("other_file") else ""
    figure = f", Jaccard {row['jaccard']:.3f}" if row.get("jaccard") is not None else ""
    return place + key + other + figure


def _in_sheet(sheet: Sheet) -> Callable[[Row], bool]:
    bad = ("null_text", "not_text", "invalid_json", "invalid_utf8", "truncated_file", "empty")
    places = {(row["file"], row["row"]) for kind in bad for row in sheet[kind]}
    return lambda row: (row["file"], row["row"]) in places


class _Run:
    """What the checks ask of a run, read once from its views."""

    def __init__(self, query: Query) -> None:
        def rows(sql: str) -> list[Row]:
            return list(query(sql).to_pylist())

        self._parts: dict[str, list[Row]] = defaultdict(list)
        for row in rows("SELECT part, path, first_row, rows FROM parts"):
            self._parts[row["path"]].append(row)
        self._quarantined = {(row["file"], row["row"]) for row in rows('SELECT file, "row" FROM quarantine')}
        self.num_bytes: dict[int, int] = {
            row["doc"]: row["num_bytes"] for row in rows("SELECT doc, num_bytes FROM documents")
        }
        self._near: dict[int, set[int]] = defaultdict(set)
        exact, template = _Groups(), _Groups()
        for row in rows("SELECT doc, earlier, relation FROM pairs WHERE relation IN ('exact', 'near', 'template')"):
            if row["relation"] == "template":
                template.join(row["doc"], row["earlier"])
                continue
            self._near[row["doc"]].add(row["earlier"])
            self._near[row["earlier"]].add(row["doc"])
            if row["relation"] == "exact":
                exact.join(row["doc"], row["earlier"])
        self._exact, self._template = exact, template
        self._keep: dict[int, bool] = {}
        self._repeats: dict[int, int] = {}
        self.repeats: list[Row] = []
        for row in rows("SELECT doc, keep, repeats AS other, jaccard FROM decisions"):
            self._keep[row["doc"]] = row["keep"]
            if row["other"] is not None:
                self._repeats[row["doc"]] = row["other"]
                self.repeats.append(row)
        told = rows("SELECT DISTINCT set, item, field FROM item_coverage WHERE detectable")
        self._told = {(row["set"], row["item"], row["field"]) for row in told}
        found = rows("SELECT DISTINCT doc, set, item, field FROM contamination WHERE label = 'leak'")
        self._leaks = {(row["doc"], row["set"], row["item"], row["field"]) for row in found}
        self._spans: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for row in rows(
            "SELECT doc, start_byte, end_byte FROM spans WHERE reason LIKE 'pii.%' OR reason LIKE 'secret.%'"
        ):
            self._spans[row["doc"]].append((row["start_byte"], row["end_byte"]))
        counted = rows("SELECT doc, num_boilerplate_lines AS lines, mojibake_per_1k_chars AS garbled FROM scores")
        self._boilerplate: dict[int, int] = {row["doc"]: row["lines"] or 0 for row in counted}
        self.garbled: dict[int, float] = {row["doc"]: row["garbled"] or 0.0 for row in counted}

    def doc(self, file: str | None, row: int | None) -> int | None:
        """The key of a row of a file; None where no part holds it."""
        for part in self._parts[file] if file is not None and row is not None else ():
            if 0 <= (row or 0) - part["first_row"] < part["rows"]:
                return doc_key(part["part"], (row or 0) - part["first_row"])
        return None

    def is_kept(self, row: Row) -> bool:
        """Whether the row's document is kept."""
        return bool(self._keep.get(row["doc"], False))

    def is_known(self, row: Row) -> bool:
        """Whether the row was decided on or set aside."""
        return row["doc"] in self._keep or self.is_quarantined(row)

    def is_quarantined(self, row: Row) -> bool:
        """Whether the row, or the file where the sheet names no row, was set aside."""
        return (row["file"], row["row"]) in self._quarantined

    def set_aside(self) -> list[Row]:
        """All that was set aside."""
        return [{"file": file, "row": row} for file, row in sorted(self._quarantined, key=lambda p: (p[0], p[1] or 0))]

    def repeats_exactly(self, row: Row) -> bool:
        """Whether the two are known as exact copies and at most one of them is kept."""
        both_kept = self._keep.get(row["doc"], False) and self._keep.get(row["other"], False)
        return self._exact.together(row["doc"], row["other"]) and not both_kept

    def is_near(self, row: Row) -> bool:
        """Whether the two are linked, repeat the same document, or one repeats a document that is linked to the other."""
        one, other = row["doc"], row["other"]
        if other in self._near[one]:
            return True
        first, second = self._repeats.get(one), self._repeats.get(other)
        if first is None and second is None:
            return False
        linked = (first is not None and other in self._near[first]) or (
            second is not None and one in self._near[second]
        )
        return linked or first == second

    def stands_apart(self, row: Row) -> bool:
        """Whether neither of the two was dropped for the other."""
        one, other = row["doc"], row["other"]
        return not (self._repeats.get(one, -1) == other or self._repeats.get(other, -1) == one)

    def is_template(self, row: Row) -> bool:
        """Whether the two are labelled as one problem with other numbers, and neither was dropped for the other."""
        return self._template.together(row["doc"], row["other"]) and self.stands_apart(row)

    def can_tell(self, row: Row) -> bool:
        """Whether the run says that it can find the planted field of the item."""
        detail = row["detail"]
        return (detail["set"], detail["item"], detail["field"]) in self._told

    def leaks(self, row: Row) -> bool:
        """Whether the planted field of the item was found in the document."""
        detail = row["detail"]
        return (row["doc"], detail["set"], detail["item"], detail["field"]) in self._leaks

    def covers(self, row: Row) -> bool:
        """Whether one span covers the planted address or key."""
        start, end = row["detail"]["start_byte"], row["detail"]["end_byte"]
        return any(first <= start and end <= last for first, last in self._spans[row["doc"]])

    def has_boilerplate(self, row: Row) -> bool:
        """Whether at least as many boilerplate lines were counted as were planted."""
        return self._boilerplate.get(row["doc"], 0) >= len(row["detail"]["lines"])


class _Groups:
    """Groups of documents that are linked, directly or through others."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def join(self, one: int, other: int) -> None:
        """Put two documents, and all that are grouped with them, together."""
        self._above[self._top(one)] = self._top(other)

    def together(self, one: int | None, other: int | None) -> bool:
        """Whether both are known and in one group."""
        return one is not None and other is not None and one in self._above and self._top(one) == self._top(other)

    def _top(self, document: int) -> int:
        self._above.setdefault(document, document)
        while self._above[document] != document:
            self._above[document] = self._above[self._above[document]]
            document = self._above[document]
        return document
