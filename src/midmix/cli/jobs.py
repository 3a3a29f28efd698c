"""Commands that do work: run and its ranges, export, demo, init. Every command imports what it needs when it runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from midmix.cli.options import (
    ConfigPath,
    Debug,
    DryRun,
    FirstStep,
    LastStep,
    Out,
    Rerun,
    RunFolder,
    Set,
    Strict,
    Workers,
    app,
)
from midmix.errors import ConfigError


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


@app.command(
    epilog="Examples: midmix export my-run --to megatron,olmo-core --dest /data/anneal\n\n"
    "midmix export my-run --to materialised --dest /data/anneal     # for a trainer that is not listed\n\n"
    "Then, where the trainer is installed: python /data/anneal/megatron/verify.py"
)
def export(
    folder: RunFolder,
    to: Annotated[
        str,
        typer.Option(
            help="trainers, comma-separated: megatron, olmo-core, hf, mosaicml, litdata, nanotron, levanter, maxtext, "
            "torchtitan; materialised or parquet for every other one"
        ),
    ] = "megatron,olmo-core,hf",
    dest: Annotated[Path, typer.Option(help="folder to write into", show_default=False)] = Path("export"),
    debug: Debug = False,
) -> None:
    """Write the plan for trainers, one folder each, with absolute paths.

    EXPORT.json says what the trainer cannot express. verify.py loads the folder by the trainer's own loader, without
    midmix, counts tokens per domain and writes realized.json, which midmix results add takes back.
    """
    from midmix.mixer.export.step import export_plan

    for path in export_plan(folder, [t.strip() for t in to.split(",")], dest, absolute=True):
        typer.echo(path)


@app.command(
    epilog="Example: midmix recall my-run --positive \"kind = 'math'\" --pool \"source = 'crawl'\" "
    "--group \"split_part(url, '/', 3)\" --out math-recall"
)
def recall(
    folder: RunFolder,
    positive: Annotated[str, typer.Option(help="SQL over judged: documents known to be wanted", show_default=False)],
    out: Annotated[Path, typer.Option(help="folder of the loop; a killed one goes on there", show_default=False)],
    pool: Annotated[str, typer.Option(help="SQL over judged: documents to search")] = "true",
    group: Annotated[str, typer.Option(help="SQL over judged: what hit rates are counted by")] = "source",
    top: Annotated[float, typer.Option(min=0.0001, max=1, help="share of the pool's bytes to recall")] = 0.1,
    min_hit_rate: Annotated[
        float, typer.Option(min=0, max=1, help="least share of a group in the top for learning from it")
    ] = 0.1,
    hold_back: Annotated[float, typer.Option(min=0.01, max=0.99, help="share of the positives to measure on")] = 0.2,
    seeds: Annotated[int, typer.Option(min=10, help="most positives to start from")] = 500_000,
    rounds: Annotated[int, typer.Option(min=1, help="most rounds")] = 4,
    min_gain: Annotated[float, typer.Option(min=0, help="stop when held-back recall rises by less")] = 0.01,
    seed: Annotated[int, typer.Option(help="of the draw of negatives and of training")] = 1,
    workers: Workers = None,
    debug: Debug = False,
) -> None:
    """Find more of what some documents are: train, score the pool, recall its top, and again with what was found.

    Writes model.bin, a fastText model to rate with, and recall.json into --out. The run itself is not changed.
    """
    from midmix.curation.recall.job import run_recall
    from midmix.curation.recall.settings import RecallSettings

    settings = RecallSettings(positive, pool, group, top, min_hit_rate, hold_back, seeds=seeds, rounds=rounds,
                              min_gain=min_gain, seed=seed)  # fmt: skip
    run_recall(folder, settings, out, workers=workers, debug=debug)


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
