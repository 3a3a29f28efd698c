"""The command line. Thin: every command imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from midmix.ends import as_long_as_read, guarded
from midmix.errors import ConfigError

app = typer.Typer(
    name="midmix",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="From raw text shards to a mid-training data plan that a trainer loads.\n\n"
    "Start: midmix demo --out demo-run, or midmix init > config.yaml and midmix run config.yaml --out my-run.",
)

ConfigPath = Annotated[
    Path, typer.Argument(help="the YAML config; `midmix init` writes a commented one", show_default=False)
]
RunFolder = Annotated[Path, typer.Argument(help="a run folder", show_default=False)]
Out = Annotated[Path, typer.Option(help="the run folder; an earlier run there is resumed or grown", show_default=False)]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="override a config value: dedup.jaccard=0.7", show_default=False)
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="worker processes; results do not depend on it", show_default="all cores")
]
Strict = Annotated[bool, typer.Option("--strict", help="fail when any file or row had to be set aside")]
Rerun = Annotated[bool, typer.Option("--rerun", help="do steps over text again where their settings changed")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="print parts, bytes, memory and time per step; do nothing")]
Debug = Annotated[bool, typer.Option("--debug", help="show tracebacks")]


def _run(config_path: Path, out: Path, first: str | None, last: str | None, options: dict[str, Any]) -> None:
    from midmix.config import load_config
    from midmix.flow import steps_between

    config = load_config(config_path, tuple(options["assignments"] or ()))
    steps = steps_between(first, last)
    from midmix.runner import check_config, config_warnings, run_steps

    if options["dry_run"]:
        check_config(config)
        for warning in config_warnings(config):
            typer.echo(f"warning: {warning}", err=True)
        _print_costs(config, steps, options["workers"])
        return
    keywords = {name: options[name] for name in ("workers", "strict", "rerun", "debug")}
    run_steps(config, out, steps, **keywords)
    _finish(out, whole=steps[-1].name == "export")


def _finish(out: Path, *, whole: bool) -> None:
    from midmix.run import open_run
    from midmix.summary import print_summary

    run = open_run(out)
    if whole:
        from midmix.report import write_report

        write_report(run, out / "report.html")
    print_summary(run)


def _print_costs(config: Any, steps: Any, workers: int | None) -> None:
    from rich.console import Console
    from rich.table import Table

    from midmix.estimate import step_costs, survey

    console = Console()
    sources = survey(config)
    table = Table("source", "files", "parts", "rows", "text MB", show_edge=False)
    for s in sources:
        table.add_row(
            s.source, f"{s.files:,}", f"{s.parts:,}", f"{s.rows:,}" if s.rows else "?", f"{s.text_bytes / 1e6:,.1f}"
        )
    console.print(table)
    for s in sources:
        for reason in s.unreadable:
            console.print(f"cannot be read, will be set aside: {reason}", markup=False)
    table = Table("step", "parts", "read MB", "written MB", "memory MB", "time s", show_edge=False)
    for c in step_costs(config, steps, workers or os.cpu_count() or 1, sources):
        values = (c.parts, c.bytes_read / 1e6, c.bytes_written / 1e6, c.memory_bytes / 1e6, c.seconds)
        table.add_row(c.step, *(f"{v:,.0f}" if v else "-" for v in values))
    console.print(table)
    console.print("Estimates from rates measured on one machine; nothing was read but footers, nothing was written.")


FirstStep = Annotated[
    str | None, typer.Option("--from", help="first step; tables before it must be there", show_default=False)
]
LastStep = Annotated[str | None, typer.Option("--until", help="last step", show_default=False)]


@app.command(epilog="Example: midmix run config.yaml --out my-run --until decide --set dedup.jaccard=0.7")
def run(
    config: ConfigPath, out: Out, first: FirstStep = None, last: LastStep = None, assignments: Set = None,
    workers: Workers = None, strict: Strict = False, rerun: Rerun = False, dry_run: DryRun = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Run any range of the map: raw shards to an exported plan. What is done already is not done again."""
    _run(config, out, first, last, locals())


@app.command(epilog="Example: midmix curate config.yaml --out my-run --workers 8")
def curate(
    config: ConfigPath, out: Out, assignments: Set = None, workers: Workers = None, strict: Strict = False,
    rerun: Rerun = False, dry_run: DryRun = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Raw shards to token shards: ingest … tokenize."""
    _run(config, out, "ingest", "tokenize", locals())


@app.command(epilog="Example: midmix mix config.yaml --out my-run --set mixture.tokens=20_000_000")
def mix(
    config: ConfigPath, out: Out, assignments: Set = None, workers: Workers = None, strict: Strict = False,
    rerun: Rerun = False, dry_run: DryRun = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Token shards to a plan: design … plan, in a run that was curated."""
    _run(config, out, "design", "plan", locals())


@app.command(epilog="Example: midmix export my-run --to megatron,olmo-core --dest /data/anneal")
def export(
    folder: RunFolder,
    to: Annotated[
        str, typer.Option(help="trainers, comma-separated: megatron, olmo-core, hf")
    ] = "megatron,olmo-core,hf",
    dest: Annotated[Path, typer.Option(help="folder to write into", show_default=False)] = Path("export"),
    debug: Debug = False,
) -> None:
    """Write the plan for trainers, one folder each, with absolute paths."""
    from midmix.mixer.export.step import export_plan

    for path in export_plan(folder, [t.strip() for t in to.split(",")], dest, absolute=True):
        typer.echo(path)


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


@app.command(epilog="Example: midmix sample my-run --where \"reason = 'gopher_quality.too_few_words'\" -n 5")
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
def report(
    folder: RunFolder,
    dest: Annotated[Path | None, typer.Option(help="file to write", show_default="RUN/report.html")] = None,
    debug: Debug = False,
) -> None:
    """Write the report: one HTML file with all plots, which opens without a network."""
    from midmix.report import write_report
    from midmix.run import open_run

    typer.echo(write_report(open_run(folder), dest or folder / "report.html"))


@app.command(epilog="Example: midmix demo --out demo-run")
def demo(
    out: Out, workers: Workers = None,
    megabytes: Annotated[float, typer.Option(min=2, help="size of the corpus, about")] = 36,
    debug: Debug = False,
) -> None:  # fmt: skip
    """The main job on real text that this environment holds: makes a corpus with planted faults, and runs on it."""
    from midmix.demo.job import run_demo

    run_demo(out, megabytes=megabytes, workers=workers, debug=debug)


@app.command(epilog="Example: midmix init > config.yaml")
def init(
    path: Annotated[
        Path | None, typer.Argument(help="file to write; nothing is overwritten", show_default="standard output")
    ] = None,
    debug: Debug = False,
) -> None:
    """Write a commented config."""
    from midmix.example import EXAMPLE_CONFIG

    if path is None:
        typer.echo(EXAMPLE_CONFIG, nl=False)
        return
    if path.exists():
        raise ConfigError(f"{path}: is there already and is not overwritten; give another name")
    path.write_text(EXAMPLE_CONFIG, encoding="utf-8")
    typer.echo(f"wrote {path}; edit it, then: midmix run {path} --out my-run --dry-run")


def main(arguments: list[str] | None = None) -> None:
    """The `midmix` command. Exits 0 when done, 1 when it failed, 2 on wrong usage or config."""
    arguments = sys.argv[1:] if arguments is None else arguments
    sys.exit(guarded(lambda: app(arguments, standalone_mode=True), debug="--debug" in arguments))


if __name__ == "__main__":
    main()
