"""The command that adds a source to a run that is there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from midmix.cli.options import Debug, RunFolder, Workers, app
from midmix.errors import ConfigError


@app.command(epilog="Example: midmix add my-run new.yaml --preview, and then: midmix add my-run new.yaml --commit")
def add(
    folder: RunFolder,
    file: Annotated[
        Path | None, typer.Argument(help="YAML with sources, and benchmarks if more are to be looked for", show_default=False)
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="say what it would bring; the run is not touched")] = False,
    commit: Annotated[bool, typer.Option("--commit", help="take it in")] = False,
    discard: Annotated[str | None, typer.Option(metavar="NAME", help="remove a preview", show_default=False)] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="write the preview's figures there", show_default=False)
    ] = None,
    workers: Workers = None,
    debug: Debug = False,
) -> None:  # fmt: skip
    """Add a source to a run: what it overlaps, leaks and brings, before anything is committed.

    Reads the new source alone. A preview is a run folder below the run: midmix sql my-run/previews/NAME "FROM overlap".
    """
    if preview + commit + (discard is not None) != 1:
        raise ConfigError("add: give exactly one of --preview, --commit and --discard NAME")
    if json_file is not None and not preview:
        raise ConfigError("add: --json FILE writes the figures of --preview, which is not given")
    if discard is not None:
        from midmix.add.previews import discard_named

        discard_named(folder, discard)
        return
    if file is None:
        raise ConfigError(
            "add: no FILE; it holds the new source, such as sources: {new: {path: data/new/, kind: prose}}"
        )
    if preview:
        _preview(folder, file, json_file, workers, debug)
    else:
        _commit(folder, file, workers, debug)


def _preview(folder: Path, file: Path, json_file: Path | None, workers: int | None, debug: bool) -> None:
    import json

    from midmix.add.preview import preview
    from midmix.add.show import print_figures

    layer, figures = preview(folder, file, workers=workers, debug=debug)
    if json_file is not None:
        json_file.write_text(json.dumps(figures.values(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print_figures(figures, layer)


def _commit(folder: Path, file: Path, workers: int | None, debug: bool) -> None:
    from midmix.add.commit import commit, is_mixed, text_to_paste
    from midmix.summary import print_summary

    run, newcomer = commit(folder, file, workers=workers, debug=debug)
    print_summary(run)
    typer.echo(
        f"\ntaken in. The config that {folder} keeps has it; paste it into your own file, at the end of each section:\n"
    )
    typer.echo(text_to_paste(newcomer))
    if is_mixed(folder):
        typer.echo(f"The weights and the plan do not know of it yet: midmix mix CONFIG --out {folder}")
