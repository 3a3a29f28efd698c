"""Commands about trained proxies: which there are, and one as a checkpoint for transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from midmix.cli.options import Debug, RunFolder, app
from midmix.errors import ConfigError

proxies = typer.Typer(
    name="proxies",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The proxies that a run has trained: what each started from, and any of them as a checkpoint.",
)
app.add_typer(proxies)


@proxies.command("list", epilog="Example: midmix proxies list my-run")
def list_proxies(folder: RunFolder, debug: Debug = False) -> None:
    """Every trained proxy: its start, its tokens, and the file of its weights, which `proxy.checkpoint` may name."""
    from midmix.proxy_train.export import proxies as rows_of
    from midmix.run import open_run

    for row in rows_of(open_run(folder)):
        name = "base" if row["run"] < 0 else f"run {row['run']}"
        start = row["start"] if row["start"] == "seed" else f"{row['start']} ({row['moments']} moments)"
        weights = f"{row['path']} ({row['bytes'] / 1e6:,.1f} MB)" if row["path"] else "no weights"
        tokens = "stopped" if row["tokens"] is None else f"{row['tokens']:,} tokens"
        typer.echo(f"{name:<12} {row['shape']}  from {start}  {tokens}  {weights}")


@proxies.command(
    epilog="Examples: midmix proxies export my-run --run 3 --dest run-3\n\n"
    "midmix proxies export my-run --run base --dest base\n\n"
    "and then: AutoModelForCausalLM.from_pretrained('run-3')"
)
def export(
    folder: RunFolder,
    run: Annotated[str, typer.Option(help="number of a run in DESIGNS, or base", show_default=False)],
    dest: Annotated[Path, typer.Option(help="folder to write, a new or an empty one", show_default=False)],
    shape: Annotated[str | None, typer.Option(help="of a ladder's sizes, which", show_default=False)] = None,
    debug: Debug = False,
) -> None:
    """Write a proxy as a Hugging Face Llama folder in fp32 with its tokenizer; transformers loads it to compare logits."""
    from midmix.proxy_train.export import export_proxy
    from midmix.run import open_run
    from midmix.tables.proxies import BASE_RUN

    if run != "base" and not run.isdecimal():
        raise ConfigError(f"--run: got {run!r}, expected a number of a run, or base; `midmix proxies list` shows them")
    made = export_proxy(open_run(folder), BASE_RUN if run == "base" else int(run), dest, shape)
    typer.echo(
        f"{made.folder}: LlamaForCausalLM, {made.parameters:,} parameters; its logits in transformers differ by at most "
        f"{made.difference:.1e} (largest logit {made.largest:.1f})"
    )
