"""`midmix demo`: write the corpus, run midmix on it as anyone would, and hold what was found against what was planted."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from midmix.config import load_config
from midmix.demo.check import Finding, compare
from midmix.demo.corpus import write_demo
from midmix.errors import InputError
from midmix.progress import Progress
from midmix.report import Planted, write_report
from midmix.run import open_run
from midmix.runner import run_steps
from midmix.summary import print_summary


def run_demo(out: Path, *, megabytes: float = 36, workers: int | None = None, debug: bool = False) -> None:
    """The whole demo in `out`; resumes where an earlier one stopped. Raises InputError when `out` holds other files."""
    corpus = write_corpus(out, megabytes)
    run_steps(load_config(corpus / "config.yaml"), out, workers=workers, debug=debug)
    run = open_run(out)
    findings = compare(lambda query: run.sql(query).to_arrow_table(), corpus / "planted.parquet")
    write_report(run, out / "report.html", planted=[Planted(f.kind, f.planted, f.found) for f in findings])
    print_summary(run)
    print_findings(findings)


def write_corpus(out: Path, megabytes: float) -> Path:
    """The demo corpus in `out/corpus`, made beside it and put in place in one step."""
    corpus = out / "corpus"
    if corpus.exists():
        return corpus
    if out.exists() and any(p.name not in ("corpus.partial", "state") for p in out.iterdir()):
        raise InputError(f"{out}: holds files but no demo. Give --out a new folder.")
    partial = out / "corpus.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    progress = Progress(out)
    with progress.step("corpus: write real text and plant faults", 1, 0, 0) as advance:
        write_demo(partial, megabytes=megabytes)
        advance(0)
    partial.rename(corpus)
    return corpus


def print_findings(findings: list[Finding]) -> None:
    """Found against planted, by kind."""
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "planted", "number", "found", "", title="found against planted", title_justify="left", show_edge=False
    )
    for finding in findings:
        table.add_row(finding.kind, f"{finding.planted:,}", f"{finding.found:,}", "" if finding.passed else "too few")
    console: Any = Console(highlight=False)
    console.print()
    console.print(table)
    for finding in findings:
        if not finding.passed:
            console.print(f"{finding.kind}, missed: {'; '.join(finding.missed_examples)}", markup=False)
