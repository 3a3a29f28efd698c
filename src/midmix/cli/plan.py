"""Commands about the plan: plan makes or tries one, diff compares two."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from midmix.cli.assigned import with_assignments
from midmix.cli.options import Debug, Set, app
from midmix.errors import ConfigError

if TYPE_CHECKING:
    from midmix.mixer.plan.dry_run import Chain

PlanPath = Annotated[Path, typer.Argument(help="a run folder or a plan.json", show_default=False)]


@app.command(epilog="Example: midmix plan my-run --dry-run --parameters 7B --set mixture.tokens=50_000_000_000")
def plan(
    run: Annotated[Path, typer.Argument(help="a run folder, or a recipe of configs/recipes to look at", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the whole chain; write nothing")] = False,
    parameters: Annotated[str | None, typer.Option(help="size of the model, such as 7B, for GPU-hours", show_default=False)] = None,
    tflops: Annotated[float, typer.Option(min=1, help="peak of one GPU; 989 is an H100's dense bf16")] = 989.0,
    mfu: Annotated[float, typer.Option(min=0.01, max=1, help="share of the peak that training reaches")] = 0.4,
    assignments: Set = None,
    debug: Debug = False,
) -> None:  # fmt: skip
    """Plan the stages of a run whose mixture is chosen: tokens, epochs over all stages, disk and GPU-hours.

    All is checked before anything is written; --dry-run stops there, and takes other settings by --set.
    """
    from midmix.mixer.plan.dry_run import chain_of

    size = _count(parameters)
    if run.is_file():
        draft, stocks, earlier, dtype, packing = _recipe(run, dry_run=dry_run, assignments=assignments)
    else:
        draft, stocks, earlier, dtype, packing = _plan(run, tuple(assignments or ()), dry_run=dry_run, debug=debug)
    speed = tflops * 1e12 * mfu
    _print_chain(chain_of(draft, stocks, earlier, dtype=dtype, parameters=size, flops_per_second=speed))
    for line in packing:
        typer.echo(line)
    if size is not None:
        typer.echo(f"GPU-hours: 6 x {size:,} parameters x tokens at {mfu:.0%} of {tflops:g} TFLOP/s")


@app.command(epilog="Example: midmix diff my-run other-run")
def diff(before: PlanPath, after: PlanPath, debug: Debug = False) -> None:
    """What changed between two plans: settings of stages, and tokens and epochs by stage and domain."""
    from midmix.mixer.plan.difference import difference

    one, other = _read(before), _read(after)
    found = difference(one, other)
    if one.hash == other.hash:
        typer.echo(f"the same plan, {one.hash[:12]}")
        return
    typer.echo(f"{one.hash[:12]} -> {other.hash[:12]}")
    for setting in found.settings:
        typer.echo(f"{setting.where}: {_shown(setting.before)} -> {_shown(setting.after)}")
    if found.changes:
        rows = [
            (c.stage, c.domain, f"{c.tokens_before:,}", f"{c.tokens_after:,}", f"{c.tokens_after - c.tokens_before:+,}",
             f"{c.epochs_before:.2f}", f"{c.epochs_after:.2f}")
            for c in found.changes
        ]  # fmt: skip
        print_table(("stage", "domain", "tokens", "now", "change", "epochs", "now"), rows)
    if not found.settings and not found.changes:
        typer.echo("stages, tokens and epochs are the same; shards or evidence differ")


def _shown(value: Any) -> str:
    return "none" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _read(path: Path) -> Any:
    from midmix.mixer.export.trainers import read_plan
    from midmix.mixer.plan.manifest import parse_plan

    if path.is_dir():
        return read_plan(path)
    if not path.is_file():
        raise ConfigError(f"{path}: no such file or run folder; give a run folder or a plan.json")
    return parse_plan(path.read_bytes(), str(path))


def _count(text: str | None) -> int | None:
    from midmix.mixer.results.result import count

    if text is None:
        return None
    try:
        return count(text, "parameters")
    except ValueError as error:
        raise ConfigError(f"--{error}") from None


def _recipe(path: Path, *, dry_run: bool, assignments: list[str] | None) -> tuple[Any, ...]:
    """A recipe in numbers; it has no token files to plan with."""
    from midmix.mixer.plan.recipe import compile_recipe, read_recipe

    if not dry_run or assignments:
        raise ConfigError(f"{path}: is a recipe, which has no token files; give --dry-run, and no --set")
    recipe = read_recipe(path)
    compiled = compile_recipe(recipe)
    unknown = [name for name, tokens in recipe.supply.items() if not isinstance(tokens, int)]
    if unknown:
        typer.echo(f"supply not published, taken as twice all stages: {', '.join(unknown)}", err=True)
    return compiled.draft, compiled.stocks, compiled.earlier, "int32", []


def _plan(folder: Path, assignments: tuple[str, ...], *, dry_run: bool, debug: bool) -> tuple[Any, ...]:
    from midmix.flow import steps_between
    from midmix.mixer.plan.packing import measure_packing, packing_lines
    from midmix.mixer.plan.prepare import prepare
    from midmix.run import open_run
    from midmix.runner import run_steps
    from midmix.table_files import read_table
    from midmix.table_manifest import load_manifest
    from midmix.tables import PACKING, PARTS, SOURCES, TOKENS, WEIGHTS

    run = with_assignments(open_run(folder), assignments)
    inputs = {t.name: load_manifest(folder, t.name).paths(folder) for t in (TOKENS, WEIGHTS, PARTS, SOURCES)}
    prepared = prepare(run.config, folder, inputs, run.config.seed)
    if dry_run:
        packing = measure_packing(prepared.draft, prepared.tokens, inputs[TOKENS.name])
    else:
        run_steps(run.config, folder, steps_between("plan", "plan"), debug=debug)
        packing = read_table(folder, PACKING).to_pylist()
    return prepared.draft, prepared.stocks, prepared.earlier, prepared.tokenizer.dtype, packing_lines(packing)


def _print_chain(chain: Chain) -> None:
    rows = []
    for cost in chain.stages:
        stage = cost.stage
        rates = " ".join(f"{rate:.3g}" for rate in cost.rates)
        hours = "-" if cost.gpu_hours is None else f"{cost.gpu_hours:,.0f}"
        rows.append(
            (stage.id, stage.kind, f"{stage.start_tokens:,}", f"{stage.token_budget:,}", f"{cost.steps:,}",
             f"{stage.sequence_length:,}", rates, hours)
        )  # fmt: skip
    headings = ("stage", "kind", "from token", "tokens", "steps", "length", "rate: start, middle, end", "GPU-hours")
    print_table(headings, rows)
    typer.echo("")
    names = [cost.stage.id for cost in chain.stages]
    uses = [
        (use.domain, f"{use.supply:,}", f"{use.before:,}", *(f"{n:,}" for n in use.by_stage),
         f"{use.epochs:.2f} of {use.max_epochs:g}")
        for use in chain.domains
    ]  # fmt: skip
    print_table(("domain", "supply", "before", *names, "epochs"), uses)
    for cost in chain.stages:
        if abs(cost.stage.weights_sum - 1) > 1e-9:
            typer.echo(f"stage {cost.stage.id}: weights sum to {cost.stage.weights_sum:.6g}; they were divided by that")
    typer.echo(
        f"token files: {chain.bytes_linked / 1e9:,.3f} GB linked, {chain.bytes_written / 1e9:,.3f} GB written to keep "
        f"the stages' documents apart"
    )


def print_table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows of readable cells, the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (headings, *rows)) for i in range(len(headings))]
    for first, *others in (headings, *rows):
        cells = (f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
        typer.echo("  ".join((f"{first:<{widths[0]}}", *cells)).rstrip())
