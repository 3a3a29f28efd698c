"""Evidence for people: the claims by subject, and micro-anneals as a table of candidate and capability."""

from __future__ import annotations

import sys
from typing import Any

from midmix.errors import InputError
from midmix.run import Run
from midmix.show import rows_of
from midmix.table_manifest import is_made

VERDICT_WIDTH = 14
WIDE = 10_000  # columns of what is no terminal, so that nothing is cut
_CLAIMS = """SELECT subject, verdict, words FROM evidence WHERE NOT starts_with(subject, 'micro-anneal:')
ORDER BY claim <> 'verdict', subject <> 'overall', NOT starts_with(subject, 'ladder:'), subject, claim"""
_ANNEALS = """SELECT a.*, l.parameters FROM anneals a
JOIN (SELECT shape, max(parameters) AS parameters FROM losses GROUP BY shape) l USING (shape)
ORDER BY l.parameters DESC, shape, candidate, share, pool DESC, role DESC, capability"""


def print_verdicts(run: Run) -> None:
    """Print EVIDENCE and ANNEALS of a run. Raises InputError before there is any."""
    from rich.console import Console

    if not is_made(run.folder, "evidence"):
        raise InputError(
            f"{run.folder}: no evidence yet, which step optimize makes. Run: midmix run CONFIG --out {run.folder} --from design"
        )
    width = None if sys.stdout.isatty() else WIDE
    console = Console(width=width, highlight=False, markup=False, soft_wrap=True)
    shown: set[str] = set()
    for row in rows_of(run.sql(_CLAIMS)):
        if row["words"] not in shown:
            console.print(f"{row['verdict']:<{VERDICT_WIDTH}} {row['words']}")
        shown.add(row["words"])
    rows = list(rows_of(run.sql(_ANNEALS)))
    for shape in dict.fromkeys(row["shape"] for row in rows):
        console.print()
        console.print(_table([row for row in rows if row["shape"] == shape], shape))
    if rows:
        console.print(
            "fall of the loss against replay alone, bits per byte, with 90% intervals; for a retained set the verdict"
        )
        console.print(
            "is on its bound. A cell is judged by itself: of 40 that change nothing, one reads supported and seven weak."
        )


def _table(rows: list[dict[str, Any]], shape: str) -> Any:
    """One line for each candidate, share and part of its text; one column for each capability."""
    from rich.table import Table

    capabilities = list(dict.fromkeys((row["capability"], row["role"]) for row in rows))
    table = Table(title=f"micro-anneals, {shape}", title_justify="left", show_edge=False)
    for heading in ("candidate", "share", "of its text", "epochs", "seeds"):
        table.add_column(heading, justify="left" if heading == "candidate" else "right")
    for name, role in capabilities:
        table.add_column(f"{name} ({role})")
    variants: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        variants.setdefault((row["candidate"], row["share"], row["pool"]), {})[row["capability"]] = row
    for (candidate, share, pool), by_capability in variants.items():
        first = next(iter(by_capability.values()))
        cells = [_cell(by_capability[name]) if name in by_capability else "-" for name, _ in capabilities]
        table.add_row(candidate, f"{share:.0%}", f"{pool:.0%}", f"{first['epochs']:.2g}", str(first["seeds"]), *cells)
    return table


def _cell(row: dict[str, Any]) -> str:
    interval = "" if row["low"] is None else f" [{row['low']:+.4f}, {row['high']:+.4f}]"
    return f"{row['gain']:+.4f}{interval} {row['verdict']}"
