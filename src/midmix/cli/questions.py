"""Commands that ask a run: sql, db, explain, whatif, sample, status, evidence, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from midmix.cli.options import Debug, RunFolder, app
from midmix.ends import as_long_as_read
from midmix.errors import ConfigError


@app.command(epilog='Example: midmix sql my-run "SELECT source, count(*) FROM documents GROUP BY ALL" --format csv')
def sql(
    folder: RunFolder,
    query: Annotated[str, typer.Argument(help="one SELECT", show_default=False)],
    form: Annotated[str, typer.Option("--format", help="table, csv, json (one object a line) or parquet")] = "table",
    debug: Debug = False,
) -> None:
    """Ask the run in SQL (DuckDB). Read-only; sees the run's tables and nothing else.

    Keys are part:row; write key('3:17') in a condition. `FROM (SHOW TABLES)` lists the views.
    """
    from midmix.run import open_run
    from midmix.show import write_result

    if form not in ("table", "csv", "json", "parquet"):
        raise ConfigError(f"--format: got {form!r}, expected table, csv, json or parquet")
    answer = open_run(folder).sql(query)
    with as_long_as_read():
        write_result(answer, form)  # type: ignore[arg-type]


@app.command(epilog="Example: midmix db my-run --dest my-run.duckdb")
def db(
    folder: RunFolder,
    dest: Annotated[Path | None, typer.Option(help="file to write", show_default="RUN.duckdb beside the run")] = None,
    debug: Debug = False,
) -> None:
    """Write every view into one DuckDB file, for other tools."""
    from midmix.database import write_database
    from midmix.run import open_run

    beside = folder.resolve()
    typer.echo(write_database(open_run(folder), dest or beside.with_name(f"{beside.name}.duckdb")))


@app.command(epilog="Example: midmix explain my-run 3:17")
def explain(
    folder: RunFolder,
    doc: Annotated[str, typer.Argument(help="key (part:row), URL, your own id, or content hash", show_default=False)],
    debug: Debug = False,
) -> None:
    """Why a document was kept or dropped: scores, labels, duplicates, leaks, every rule with value and threshold."""
    from midmix.explain import explain as explain_document
    from midmix.explain import print_explanation
    from midmix.run import open_run

    print_explanation(explain_document(open_run(folder), doc))


@app.command(
    epilog="Example: midmix whatif my-run --set gopher_quality.min_words=40 --set gopher_repetition.max_dup_lines=0.5"
)
def whatif(
    folder: RunFolder,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="a rule's threshold, rules.KIND=[sets] or leaks.min_overlap", show_default=False),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="table, or json (one object a line)")] = "table",
    debug: Debug = False,
) -> None:
    """How many documents, bytes and tokens other thresholds would keep, per source. Reads no text, changes nothing."""
    from midmix.run import open_run
    from midmix.whatif import as_json, print_effects
    from midmix.whatif import whatif as effects_of

    if form not in ("table", "json"):
        raise ConfigError(f"--format: got {form!r}, expected table or json")
    effects = effects_of(open_run(folder), changes or [], said=lambda what: typer.echo(f"deciding: {what}", err=True))
    if form == "json":
        typer.echo(as_json(effects))
    else:
        print_effects(effects)


@app.command(epilog="Example: midmix sample my-run --where \"reason = 'gopher_quality.min_words'\" -n 5")
def sample(
    folder: RunFolder,
    where: Annotated[str, typer.Option(help="SQL over documents, scores, labels and decisions")] = "true",
    count: Annotated[int, typer.Option("-n", min=1, help="documents")] = 20,
    seed: Annotated[int, typer.Option(help="another sample of the same")] = 1,
    debug: Debug = False,
) -> None:
    """Show texts that a condition chooses; the same ones every time."""
    from midmix.run import open_run
    from midmix.sample import sample as sample_documents

    with as_long_as_read():
        for found in sample_documents(open_run(folder), where, count, seed):
            facts = found.facts
            verdict = "undecided" if facts["keep"] is None else "kept" if facts["keep"] else facts["reason"]
            typer.echo(f"--- {found.doc}  {facts['source']}  {facts['kind']}  {verdict}  {facts['path']}")
            typer.echo(found.text)


@app.command()
def status(folder: RunFolder, debug: Debug = False) -> None:
    """Which steps are done, and which one runs."""
    from midmix.status import status_lines

    for line in status_lines(folder):
        typer.echo(line)


@app.command()
def evidence(folder: RunFolder, debug: Debug = False) -> None:
    """What the recommendation rests on, whether sizes of proxies agree, and what each micro-anneal showed."""
    from midmix.run import open_run
    from midmix.verdicts import print_verdicts

    print_verdicts(open_run(folder))


@app.command()
def report(
    folder: RunFolder,
    dest: Annotated[Path | None, typer.Option(help="file to write", show_default="RUN/report.html")] = None,
    debug: Debug = False,
) -> None:
    """Write the report: one HTML file with all plots, which opens without a network."""
    from midmix.report import write_report
    from midmix.run import open_run

    typer.echo(write_report(open_run(folder), dest or folder / "report.html"))
