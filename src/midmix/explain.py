"""Why a document was kept or dropped: everything that the run knows of it."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import Any

from midmix.errors import ConfigError, InputError
from midmix.query import quoted
from midmix.run import Run
from midmix.show import rows_of
from midmix.tables import format_key, parse_key


@dataclass(frozen=True)
class Explanation:
    """What `midmix explain` prints: readable values by topic."""

    document: dict[str, Any]
    verdict: dict[str, Any]
    scores: dict[str, Any]
    labels: dict[str, Any]
    rules: list[dict[str, Any]] = field(default_factory=list)
    pairs: list[dict[str, Any]] = field(default_factory=list)
    past: list[dict[str, Any]] = field(default_factory=list)
    leaks: list[dict[str, Any]] = field(default_factory=list)
    spans: list[dict[str, Any]] = field(default_factory=list)
    cuts: list[dict[str, Any]] = field(default_factory=list)


def find_document(run: Run, name: str) -> int:
    """The key of a document by key (part:row), content hash, the user's id or URL, tried in this order.

    Raises InputError when there is none, ConfigError when several share the name.
    """
    for condition in _conditions(name):
        keys = run.sql(f"SELECT doc FROM documents WHERE {condition} ORDER BY doc LIMIT 11").fetchall()
        if len(keys) == 1:
            return int(keys[0][0])
        if keys:
            listed = ", ".join(format_key(k) for (k,) in keys[:10])
            raise ConfigError(
                f"{name!r} names {'more than 10' if len(keys) > 10 else len(keys)} documents; ask by key: {listed}"
            )
    raise InputError(
        f"no document {name!r} in {run.folder}: it is no key (part:row), content hash, id or URL there. "
        f'A row that could not be read is in `midmix sql {run.folder} "FROM quarantine"`.'
    )


def _conditions(name: str) -> list[str]:
    conditions = []
    with contextlib.suppress(ValueError):  # no key; another name may look like one
        conditions.append(f"doc = {parse_key(name)}")
    if re.fullmatch(r"[0-9a-fA-F]{32}", name):
        conditions.append(f"content_hash = from_hex({quoted(name)})")
    return [*conditions, f"user_id = {quoted(name)}", f"url = {quoted(name)}"]


def explain(run: Run, name: str) -> Explanation:
    """All that is known of one document. Raises as `find_document`."""
    key = find_document(run, name)
    return Explanation(
        document=_row(run, "documents", key),
        verdict=_row(run, "decisions", key),
        scores=_row(run, "scores", key),
        labels=_row(run, "labels", key),
        rules=_rows(run, f"SELECT rule_set, rule, value, threshold, fired, in_force FROM all_rules WHERE doc = {key}"),
        pairs=_rows(run, f"SELECT * FROM pairs WHERE doc = {key} OR earlier = {key} ORDER BY doc, earlier LIMIT 50"),
        past=_rows(run, f"SELECT * EXCLUDE (doc) FROM past_pairs WHERE doc = {key} ORDER BY ALL LIMIT 50"),
        leaks=_rows(
            run,
            'SELECT c.*, i.question, i.answer FROM contamination c LEFT JOIN evaluation_items i USING ("set", item) '
            f'WHERE doc = {key} ORDER BY "set", item, field LIMIT 50',
        ),
        spans=_rows(run, _SPANS.format(view="spans", key=key)),
        cuts=_rows(run, _SPANS.format(view="cuts", key=key)),
    )


_SPANS = "SELECT start_byte, end_byte, reason, replacement FROM {view} WHERE doc = {key} ORDER BY ALL LIMIT 50"


def _rows(run: Run, query: str) -> list[dict[str, Any]]:
    return list(rows_of(run.sql(query)))


def _row(run: Run, view: str, key: int) -> dict[str, Any]:
    found = _rows(run, f"SELECT * FROM {view} WHERE doc = {key}")
    return found[0] if found else {}


def print_explanation(explanation: Explanation) -> None:
    """Print it for people."""
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True, highlight=False)
    document, verdict = explanation.document, explanation.verdict
    console.print(
        Text(f"document {document['doc']}  {document['source']}  {document['path']} row {document['row']}", "bold")
    )
    for line in (_verdict_line(verdict), *_groups(verdict)):
        console.print(Text(line))
    for title, values in (("document", document), ("labels", explanation.labels), ("scores", explanation.scores)):
        _print_values(console, title, values)
    rows: tuple[tuple[str, list[dict[str, Any]]], ...] = (
        ("rules in force (fired first)", _rules(explanation, in_force=True)),
        ("rules of other sets, not in force here (fired first)", _rules(explanation, in_force=False)),
        ("compared with", explanation.pairs),
        ("in earlier corpora", explanation.past),
        ("evaluation items found in it", explanation.leaks),
        ("spans", explanation.spans),
        ("cuts", explanation.cuts),
    )
    for title, listed in rows:
        _print_rows(console, title, listed)


def _rules(explanation: Explanation, *, in_force: bool) -> list[dict[str, Any]]:
    chosen = [r for r in explanation.rules if r["in_force"] == in_force]
    return [{k: v for k, v in r.items() if k != "in_force"} for r in sorted(chosen, key=lambda r: not r["fired"])]


def _verdict_line(verdict: dict[str, Any]) -> str:
    if not verdict:
        return "verdict: not decided yet (run the step decide)"
    if verdict["keep"]:
        return "verdict: kept"
    repeats = f", {_repeats(verdict)}" if verdict["repeats"] else ""
    return f"verdict: dropped, {verdict['reason']}{repeats}; fired: {', '.join(verdict['fired']) or 'no rule'}"


_SHARES = {"jaccard": "Jaccard", "containment": "containment", "cosine": "cosine"}
_HOW = {
    "exact": "is a copy of",
    "near": "is nearly",
    "contained": "lies in",
    "url": "has the address of",
    "semantic": "means the same as",
}


def _repeats(verdict: dict[str, Any]) -> str:
    """Which kept document it repeats, and how alike the two are."""
    shares = [f"{word} {verdict[name]:.3f}" for name, word in _SHARES.items() if verdict[name] is not None]
    how = f"{_HOW[verdict['relation']]} {verdict['repeats']}, which is kept"
    return how + (f" ({', '.join(shares)})" if shares else "")


def _groups(verdict: dict[str, Any]) -> list[str]:
    """The duplicate cluster and the template that the document belongs to, if any."""
    lines = []
    if verdict.get("cluster"):
        lines.append(f"duplicate cluster {verdict['cluster']}: {verdict['cluster_size']:,} documents")
    if verdict.get("template"):
        lines.append(
            f"template {verdict['template']}: {verdict['template_size']:,} documents that differ in numbers alone"
        )
    return lines


def _print_values(console: Any, title: str, values: dict[str, Any]) -> None:
    from rich.text import Text

    shown = {k: v for k, v in values.items() if v is not None and k != "doc"}
    if shown:
        console.print(Text(f"\n{title}", "bold"))
        for name, value in shown.items():
            console.print(Text(f"  {name:<28} {f'{value:.6g}' if isinstance(value, float) else str(value)[:300]}"))


def _print_rows(console: Any, title: str, rows: list[dict[str, Any]]) -> None:
    from rich.text import Text

    if rows:
        console.print(Text(f"\n{title}", "bold"))
        for row in rows:
            values = (
                f"{k} {f'{v:.6g}' if isinstance(v, float) else str(v)[:120]}" for k, v in row.items() if v is not None
            )
            console.print(Text("  " + "  ".join(values)))
