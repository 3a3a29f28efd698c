"""Commands about runs made elsewhere: fit on files alone, and results add, which takes them into a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from midmix.cli.options import Debug, RunFolder, app
from midmix.errors import ConfigError

MOST_BAD_SHOWN = 10
Unit = Annotated[str, typer.Option(help="unit of the losses: bits_per_byte or nats_per_token")]

results = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Runs of your own trainer: results add.")
app.add_typer(results, name="results")


@app.command(
    epilog="Examples: midmix fit --mixtures train_mixture.csv --losses train_loss.csv --targets all\n\n"
    "midmix fit --mixtures m_1m.csv --losses l_1m.csv --parameters 1M --mixtures m_60m.csv --losses l_60m.csv "
    "--parameters 60M --out my-fit"
)
def fit(
    mixtures: Annotated[list[Path], typer.Option(help="table of runs: an index column and one weight per domain", show_default=False)],
    losses: Annotated[list[Path], typer.Option(help="table of the same runs: the index column and the metrics", show_default=False)],
    parameters: Annotated[list[str] | None, typer.Option(help="model size of each pair of tables, such as 60M", show_default=False)] = None,
    tokens: Annotated[list[str] | None, typer.Option(help="tokens of a run of each pair, such as 1B", show_default=False)] = None,
    unit: Unit = "nats_per_token",
    targets: Annotated[str | None, typer.Option(help="metrics to lower, with weights: a=2,b=1; or all", show_default=False)] = None,
    natural: Annotated[Path | None, typer.Option(help="CSV of source and weight: what to compare with", show_default="mean of the runs")] = None,
    max_times: Annotated[float | None, typer.Option(min=1, help="largest weight as a multiple of the natural one", show_default="no cap")] = None,
    out: Annotated[Path | None, typer.Option(help="folder for the tables, as parquet", show_default=False)] = None,
    debug: Debug = False,
) -> None:  # fmt: skip
    """Fit laws to runs in files, without a run folder, and recommend a mixture for --targets.

    Each pair of --mixtures and --losses is joined by its column index, run or name. Several pairs are runs of several
    model sizes: the small ones are calibrated to the largest of which there are four runs. Bad rows are named and left out.
    """
    from midmix.mixer.fit.files import Pair, fit_files, read_files, write_files
    from midmix.mixer.optimize.files import parse_targets, read_natural, recommend
    from midmix.mixer.results.result import LOSS_UNITS
    from midmix.tables import DESIGNS, EVIDENCE, LAWS, LOSSES, PREDICTIONS, WEIGHTS

    if unit not in LOSS_UNITS:
        raise ConfigError(f"--unit: got {unit!r}, expected {' or '.join(LOSS_UNITS)}")
    pairs = [Pair(*pair) for pair in zip(*_paired(mixtures, losses, parameters, tokens), strict=True)]
    files = read_files(pairs, unit)
    _say_bad(files.bad)
    _say_normalised(files.totals)
    _print_scales(files.swarm)
    wanted = parse_targets(targets, files.swarm.metrics) if targets else None
    laws, predictions = fit_files(files)
    _print_laws(laws.to_pylist(), unit)
    tables = {DESIGNS: files.designs, LOSSES: files.losses, LAWS: laws, PREDICTIONS: predictions}
    if wanted:
        shares = read_natural(natural, files.swarm.domains, files.swarm.weights)
        found = recommend(files, wanted, natural=shares, max_times=max_times)
        _print_recommended(found)
        tables |= {WEIGHTS: found.weights, EVIDENCE: found.evidence}
    if out is not None:
        for path in write_files(out, tables):
            typer.echo(path)


def _paired(
    mixtures: list[Path], losses: list[Path], parameters: list[str] | None, tokens: list[str] | None
) -> tuple[list[Path], list[Path], list[dict[str, Any]]]:
    """Each option once per pair. Raises ConfigError."""
    for name, given in (("losses", losses), ("parameters", parameters), ("tokens", tokens)):
        if given and len(given) != len(mixtures):
            raise ConfigError(
                f"--{name} is given {len(given)} times and --mixtures {len(mixtures)} times; give each as often"
            )
    none = [None] * len(mixtures)
    defaults = [
        {"parameters": p or "0", "tokens": t or "0"} for p, t in zip(parameters or none, tokens or none, strict=True)
    ]
    return mixtures, losses, defaults


def _say_bad(bad: Iterable[Any]) -> None:
    found = list(bad)
    for row in found[:MOST_BAD_SHOWN]:
        typer.echo(f"left out: {row}", err=True)
    if len(found) > MOST_BAD_SHOWN:
        typer.echo(f"left out: {len(found) - MOST_BAD_SHOWN} rows more", err=True)


def _say_normalised(totals: tuple[float, ...]) -> None:
    if totals:
        typer.echo(
            f"weights of {len(totals)} rows sum to {min(totals):.4f} to {max(totals):.4f}; they were divided by their sum",
            err=True,
        )


def _print_scales(swarm: Any) -> None:
    typer.echo(
        f"{len(swarm.runs)} runs of {swarm.num_mixtures} mixtures over {len(swarm.domains)} domains: {swarm.kind}"
    )
    for run, reason in sorted(swarm.left_out.items())[:MOST_BAD_SHOWN]:
        typer.echo(f"left out: run {run}: {reason}", err=True)
    if swarm.anchors:
        typer.echo(
            f"{len(swarm.anchors.runs)} runs of a larger scale: {swarm.anchors.kind}; the laws are of that scale"
        )


def _print_laws(rows: list[dict[str, Any]], unit: str) -> None:
    width = max(len(row["metric"]) for row in rows)
    typer.echo(f"laws, {unit.replace('_', ' ')}; error and rank on runs whose mixture the law did not see")
    typer.echo(f"{'metric':<{width}}  {'held-out error':>14}  {'rank':>6}  {'noise':>7}  law")
    for row in rows:
        if row["chosen"]:
            error, rank, noise = (
                "-" if row[name] is None else f"{row[name]:.4f}"
                for name in ("heldout_mae", "heldout_spearman", "noise_sd")
            )
            typer.echo(f"{row['metric']:<{width}}  {error:>14}  {rank:>6}  {noise:>7}  {row['law']}")
    if all(row["noise_sd"] is None for row in rows):
        typer.echo("no mixture was run twice, so the noise between seeds is not known; repeat one or two")


def _print_recommended(found: Any) -> None:
    rows = [row for row in found.weights.to_pylist() if row["mixture"] == "optimum" and row["weight"] > 0]
    width = max(len(row["domain"]) for row in rows)
    typer.echo("recommended mixture, with 90% intervals; x is the multiple of the natural weight")
    for row in sorted(rows, key=lambda row: -row["weight"]):
        interval = "" if row["low"] is None else f"  {row['low']:.3f} to {row['high']:.3f}"
        cap = "  at its cap" if row["at_cap"] else ""
        typer.echo(f"{row['domain']:<{width}}  {row['weight']:.4f}{interval}  {row['epochs']:6.2f} x{cap}")
    for row in found.evidence.to_pylist():
        if (row["subject"], row["claim"]) == ("overall", "verdict"):
            typer.echo(f"{row['verdict']}: {row['words']}")


def _take_realized(folder: Path, files: list[Path]) -> list[Path]:
    """Take what exports' verify.py wrote into the run, a line for each; returns the other files."""
    from midmix.mixer.export.realized import add_realized, is_realized

    taken = [path for path in files if is_realized(path)]
    for path in taken:
        rows = add_realized(folder, path)
        off = [
            f"{row['stage']} {row['domain']} {row['realized'] - row['planned']:+,} sequences"
            for row in rows
            if row["realized"] != row["planned"]
        ]
        tokens = sum(row["tokens"] for row in rows)
        typer.echo(
            f"{path}: {rows[0]['target']} draws {tokens:,} tokens, {', '.join(off) or 'exactly the planned ones'}"
        )
    return [path for path in files if path not in taken]


@results.command(
    epilog="Examples: midmix results add my-run runs.csv --origin megatron --parameters 190M\n\n"
    "midmix results add my-run jobs     # a folder that midmix design --to has written\n\n"
    "midmix results add my-run /data/anneal/megatron/realized.json\n\n"
    "Then: midmix run config.yaml --out my-run --from fit"
)
def add(
    folder: RunFolder,
    files: Annotated[list[Path], typer.Argument(help="CSV, parquet or JSON lines, a row per run and step; folders of jobs", show_default=False)],
    origin: Annotated[str | None, typer.Option(help="who trained them; runs of one share names", show_default="outside, or the trainer")] = None,
    parameters: Annotated[str | None, typer.Option(help="model size, where the files have no such column", show_default=False)] = None,
    tokens: Annotated[str | None, typer.Option(help="tokens trained on, likewise", show_default=False)] = None,
    replace: Annotated[bool, typer.Option("--replace", help="let these runs take the place of those of the same name")] = False,
    debug: Debug = False,
) -> None:  # fmt: skip
    """Take runs made elsewhere into the run, beside its own proxies. Adding a file twice changes nothing.

    Columns: weight:DOMAIN for each domain, or run, a run of the design; parameters, tokens, seed, step, name, shape and
    unit (bits_per_byte unless said); and the metrics, set:NAME or domain:NAME. JSON lines may hold objects weights and
    metrics. Bad rows are named and left out.

    A folder of jobs (midmix design --to) is read by its JOBS.json: OLMo-core's metrics.jsonl or Megatron's log of every job
    that came to its end, in nats per token and bits per byte, at every step where it was measured, and results*.json of
    lm-evaluation-harness below it, whose accuracies are kept as error rates. Jobs that are missing, broken or not at their
    end are named and left out.

    A realized.json, which an export's verify.py writes, says what the trainer's loader drew: the table realized has it.
    """
    from midmix.mixer.results.add import add_results

    if origin == "proxy":
        raise ConfigError("--origin: 'proxy' names the run's own proxies; give another name")
    files = _take_realized(folder, files)
    if not files:
        return
    defaults = {name: value for name, value in (("parameters", parameters), ("tokens", tokens)) if value}
    added = add_results(folder, files, origin=origin, defaults=defaults, replace=replace)
    _say_bad(added.bad)
    _say_normalised(added.renormalised)
    rows = added.rows
    typer.echo(
        f"{rows['new']} runs are new, {rows['grown']} rows went to runs that are there, {rows['known']} were known, "
        f"{len(added.bad)} were left out"
    )
    if added.other_unit:
        typer.echo(
            f"{added.other_unit} rows are kept but not fitted: they are in nats per token, and the fit of a run reads "
            f"bits_per_byte (nats per token / ln 2 x tokens per byte of the text)",
            err=True,
        )
    if rows["new"] or rows["grown"]:
        typer.echo(f"next: midmix run CONFIG --out {folder} --from fit")
