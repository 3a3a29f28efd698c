"""The table at the end of a run: what came in, what went and why, and what was decided on which evidence."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from midmix.run import Run
from midmix.show import rows_of
from midmix.table_manifest import is_made


def print_summary(run: Run) -> None:
    """Print what the run has so far, and the next commands worth typing."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=True)
    _print_documents(run, console)
    if is_made(run.folder, "tokens"):
        _print_domains(run, console)
    if is_made(run.folder, "evidence"):
        _print_evidence(run, console)
    if is_made(run.folder, "packing"):
        _print_packing(run, console)
    _print_places(run, console)


def _rows(run: Run, query: str) -> list[dict[str, Any]]:
    return list(rows_of(run.sql(query)))


def _print_documents(run: Run, console: Any) -> None:
    from rich.table import Table

    table = Table(
        "source",
        "rows",
        "set aside",
        "dropped",
        "kept",
        "kept MB",
        title="documents",
        title_justify="left",
        show_edge=False,
    )
    rows = _rows(
        run,
        """SELECT s.source, coalesce(i.rows_in, 0) AS rows_in, coalesce(i.rows_quarantined, 0) AS quarantined,
             d.rows_dropped + coalesce(a.rows_dropped, 0) AS dropped, coalesce(a.rows_kept, d.rows_kept) AS kept,
             (SELECT sum(num_bytes) / 1e6 FROM curated c WHERE c.source = s.source) AS megabytes
           FROM sources s LEFT JOIN (FROM ledger WHERE step = 'ingest') i USING (source)
             LEFT JOIN (FROM ledger WHERE step = 'decide') d USING (source)
             LEFT JOIN (FROM ledger WHERE step = 'apply') a USING (source)
           ORDER BY s.position""",
    )
    for row in rows:
        table.add_row(*(_cell(v) for v in row.values()))
    console.print(table)
    files = _rows(run, "SELECT file, reason FROM quarantine WHERE row IS NULL ORDER BY source, file, reason LIMIT 6")
    for row in files[:5]:
        console.print(f" set aside: {row['file']}: {row['reason']}")
    if len(files) > 5:
        console.print(f'            and others: midmix sql {run.folder} "FROM quarantine WHERE row IS NULL"')
    reasons = _rows(
        run,
        """SELECT reason, sum(documents) AS documents FROM drops WHERE step IN ('decide', 'apply') GROUP BY reason
           HAVING sum(documents) > 0 ORDER BY documents DESC, reason LIMIT 12""",
    )
    if reasons:
        table = Table("dropped for (first reason)", "documents", show_edge=False)
        for row in reasons:
            table.add_row(row["reason"], _cell(row["documents"]))
        console.print()
        console.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,.1f}" if isinstance(value, float) else f"{int(value):,}" if not isinstance(value, str) else value


def _print_domains(run: Run, console: Any) -> None:
    from rich.table import Table

    table = Table(
        "domain", "tokens", "natural", "baseline", "chosen", "90% interval", "epochs", title="tokens and weights",
        title_justify="left", show_edge=False,
    )  # fmt: skip
    rows = _rows(
        run,
        """WITH t AS (
             SELECT domain, sum(num_tokens)::BIGINT AS tokens FROM tokens
             WHERE split = 'train' AND tokenizer = 'main' GROUP BY domain
           ), w AS (
             SELECT domain, max(weight) FILTER (mixture = 'natural') AS natural,
               max(weight) FILTER (mixture = 'baseline') AS baseline, max(weight) FILTER (mixture = 'optimum') AS optimum,
               max(low) AS low, max(high) AS high, max(epochs) FILTER (mixture = 'optimum') AS epochs,
               bool_or(at_cap) FILTER (mixture = 'optimum') AS at_cap
             FROM weights GROUP BY domain
           ) SELECT * FROM t LEFT JOIN w USING (domain) ORDER BY domain""",
    )
    for r in rows:
        interval = "-" if r["low"] is None else f"{r['low']:.3f} - {r['high']:.3f}"
        epochs = "-" if r["epochs"] is None else f"{r['epochs']:.2f}{' (cap)' if r['at_cap'] else ''}"
        shares = ("-" if r[m] is None else f"{r[m]:.3f}" for m in ("natural", "baseline", "optimum"))
        table.add_row(r["domain"], _cell(r["tokens"]), *shares, interval, epochs)
    console.print()
    console.print(table)


def _print_evidence(run: Run, console: Any) -> None:
    console.print("\nevidence")
    shown: set[str] = set()
    for row in _rows(
        run,
        """SELECT * FROM evidence WHERE subject = 'overall' OR claim = 'retention_rise'
           ORDER BY claim <> 'verdict', subject <> 'overall', subject, claim""",
    ):
        if row["words"] not in shown:
            console.print(f"  {row['verdict']:<14} {row['words']}")
        shown.add(row["words"])


def _print_packing(run: Run, console: Any) -> None:
    from midmix.mixer.plan.packing import packing_lines

    console.print("\npacking")
    for line in packing_lines(_rows(run, "FROM packing ORDER BY ALL")):
        console.print(f"  {line}")


def _print_places(run: Run, console: Any) -> None:
    folder = run.folder
    console.print()
    if is_made(folder, "exports"):
        console.print(f"plan     {folder / 'export'}")
    if (folder / "report.html").exists():
        console.print(f"report   {folder / 'report.html'}")
    midmix = f"{_command()} "
    count = "SELECT reason, count(*) AS documents FROM decisions GROUP BY ALL ORDER BY 2 DESC"
    console.print(f'next     {midmix}sql {folder} "{count}"')
    console.print(f'         {midmix}sample {folder} --where "{_most_dropped(run)}" -n 3')
    if is_made(folder, "plan"):
        console.print(f"         {midmix}export {folder} --to megatron,olmo-core,hf --dest anneal-data")
    else:
        console.print(f"         {midmix}status {folder}")


def _most_dropped(run: Run) -> str:
    """A condition that shows what most documents were dropped for; where none was, kept ones."""
    found = _rows(
        run, "SELECT reason FROM decisions WHERE NOT keep GROUP BY reason ORDER BY count(*) DESC, reason LIMIT 1"
    )
    return f"reason = '{found[0]['reason']}'" if found else "keep"


def _command() -> str:
    """How midmix was called, so that the next command can be typed as it is printed."""
    if shutil.which("midmix") or Path(sys.argv[0]).name != "midmix":
        return "midmix"
    return os.path.relpath(sys.argv[0])
