"""The figures of a preview for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midmix.add.figures import Figures, Rows

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

MOST_ROWS = 20
MOST_CHARS = 240

# Field of a figure's rows to the head of its column; bytes are shown as MB.
Heads = Mapping[str, str]
SIZES = {"docs": "docs", "bytes": "MB", "tokens": "tokens"}
COMES = {
    "source": "source", "kind": "kind", "rows": "rows", "set_aside": "set aside", **SIZES, "kept_docs": "kept docs",
    "kept_bytes": "kept MB", "kept_tokens": "kept tokens",
}  # fmt: skip
DROPPED = {"source": "source", "reason": "dropped for (first reason)", **SIZES}
OVERLAP = {
    "a": "a", "b": "b", "by": "by", "docs": "docs of a", "tokens": "tokens", "share_of_a": "share of a", "share_of_b": "share of b",
}  # fmt: skip
LEAKS = {
    "source": "source",
    "set": "set",
    "label": "label",
    "items": "items",
    "docs": "docs",
    "dropped": "docs dropped",
}
NET = {
    "kind": "kind", "new_docs": "new docs", "new_tokens": "new tokens", "lost_docs": "old docs lost",
    "lost_tokens": "their tokens", "net_tokens": "net new tokens",
}  # fmt: skip
LOST = {"source": "old source", "reason": "reason", "to_source": "gives way to", **SIZES}
REGAINED = {"source": "old source", **SIZES}


def print_figures(figures: Figures, layer: Path) -> None:
    """Print what a newcomer brings, what it costs, and how to look closer."""
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False, markup=False)
    counted = "of kept documents counted by the run's tokenizer, else" if figures.tokens_by else "all"
    console.print(f"preview {figures.name}: the run is as it was. Tokens: {counted} estimated by bytes.")
    _print(console, "what comes", figures.sources, COMES)
    _print(console, "dropped", figures.dropped, DROPPED)
    _print(console, "overlap", figures.overlap, OVERLAP)
    _print(console, "text of benchmarks", figures.leaks, LEAKS)
    for hit in figures.hits[:MOST_ROWS]:
        console.print(_hit(hit))
    if len(figures.hits) > MOST_ROWS:
        console.print(f"and {len(figures.hits) - MOST_ROWS} more: --json FILE writes them")
    _print(console, "net new tokens", figures.net, NET)
    _print(console, "old documents that would lose their place", figures.lost, LOST)
    if figures.regained:
        _print(console, "old documents that would be kept after all", figures.regained, REGAINED)
    run = layer.parents[1]
    console.print(f'\nlook      midmix sql {layer} "FROM overlap"')
    console.print(f"          midmix sample {layer} --where \"source = '{figures.adds[0]}' AND keep\" -n 5")
    console.print(f"take in   midmix add {run} FILE --commit")
    console.print(f"or not    midmix add {run} --discard {figures.name}")


def _print(console: Console, title: str, rows: Rows, heads: Heads) -> None:
    from rich.table import Table
    from rich.text import Text

    console.print(Text(f"\n{title}{'' if rows else ': none'}", "bold"))
    if not rows:
        return
    table = Table(show_edge=False)
    for name, head in heads.items():
        table.add_column(head, justify="left" if isinstance(rows[0][name], str | None) else "right")
    for row in rows[:MOST_ROWS]:
        table.add_row(*(Text(_cell(name, row[name])) for name in heads))
    console.print(table)
    if len(rows) > MOST_ROWS:
        console.print(f"and {len(rows) - MOST_ROWS} more rows: --json FILE writes them")


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name.endswith("bytes"):
        return f"{value / 1e6:,.2f}"
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _hit(hit: dict[str, Any]) -> Text:
    """A place in a document, its text in bold between what stands before and after it."""
    words = ("doc", "source", "set", "item", "field", "label")
    from rich.text import Text

    line = Text("  ".join(str(hit[word]) for word in words if word in hit) + f"  overlap {hit['overlap']:.2f}\n    ")
    for text, style in _around(hit):
        line.append(text, style)
    return line


def _around(hit: dict[str, Any]) -> Iterator[tuple[str, str]]:
    before, match, after = (" ".join(hit[name].split()) for name in ("before", "match", "after"))
    yield f"… {before} ", ""
    yield match if len(match) <= MOST_CHARS else f"{match[: MOST_CHARS // 2]} … {match[-MOST_CHARS // 2 :]}", "bold"
    yield f" {after} …", ""
