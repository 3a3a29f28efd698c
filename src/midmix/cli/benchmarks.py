"""Commands about benchmarks: what the catalogue holds, and fetching from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from midmix.cli.options import Debug, app

benchmarks = typer.Typer(
    name="benchmarks",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Public benchmarks to look for in training text: midmix ships recipes, never content.",
)
app.add_typer(benchmarks)

Name = Annotated[str, typer.Argument(help="a benchmark of the catalogue", show_default=False)]


@benchmarks.command("list")
def list_recipes(debug: Debug = False) -> None:
    """Every benchmark of the catalogue: what it is, its splits, its license, its revision where one is pinned."""
    from midmix.curation.decontaminate.catalogue.recipe import recipes

    found = recipes()
    width = max(map(len, found))
    for name, recipe in found.items():
        revision = recipe.revision[:7] if recipe.pinned else "unpinned"
        facts = [*(["gated"] if recipe.gated else []), f"license {recipe.license}", revision]
        splits = ", ".join((*recipe.splits, *(f"{split} (--train)" for split in recipe.train)))
        typer.echo(f"{name:{width}}  {recipe.about} [{splits}; {', '.join(facts)}]")


@benchmarks.command(epilog="Example: midmix benchmarks show gsm8k")
def show(name: Name, debug: Debug = False) -> None:
    """The recipe of a benchmark, as YAML."""
    import yaml

    from midmix.curation.decontaminate.catalogue.recipe import recipe

    values = recipe(name).model_dump(mode="json", exclude_defaults=True)
    typer.echo(yaml.safe_dump({name: values}, sort_keys=False, allow_unicode=True, width=120), nl=False)


@benchmarks.command(epilog="Example: midmix benchmarks fetch gsm8k humaneval --out bench")
def fetch(
    names: Annotated[list[str], typer.Argument(help="benchmarks of the catalogue", show_default=False)],
    out: Annotated[Path, typer.Option(help="folder to write NAME.parquet into", show_default=False)],
    train: Annotated[
        bool, typer.Option("--train", help="train splits too; documents that hold their items are marked, not dropped")
    ] = False,
    debug: Debug = False,
) -> None:
    """Fetch benchmarks with the `datasets` library and print what to write into the config."""
    from midmix.curation.decontaminate.catalogue.fetch import fetch as fetch_benchmark
    from midmix.curation.decontaminate.catalogue.recipe import recipe

    chosen = {name: recipe(name) for name in names}
    lines = []
    for name, found in chosen.items():
        if not found.pinned:
            typer.echo(f"warning: {name}: no revision is pinned; another day may bring other items", err=True)
        fetched = fetch_benchmark(name, found, out, train=train)
        counts = ", ".join(f"{count:,} {split}" for split, count in fetched.items.items())
        typer.echo(f"{fetched.path}: {counts}; license {found.license}", err=True)
        lines.append(fetched.config_line())
    typer.echo("benchmarks:")
    for line in lines:
        typer.echo(line)
