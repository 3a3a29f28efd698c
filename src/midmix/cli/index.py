"""The command that indexes a finished run, so that later ones leave out what it has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from midmix.cli.options import Debug, RunFolder, Workers, app


@app.command(
    epilog="Example: midmix index my-run --out my-index, and in a later config: dedup: {against: {pretraining: my-index}}"
)
def index(
    folder: RunFolder,
    out: Annotated[Path, typer.Option(help="folder for the index; one that was cut off goes on", show_default=False)],
    workers: Workers = None,
    debug: Debug = False,
) -> None:  # fmt: skip
    """Index what a run kept, so that later runs drop what it has already. No text is stored, about 1.3 KB a document.

    Documents are signed as the run's section dedup says; a run that is compared with the index must say the same.
    """
    from midmix.curation.past.job import run_index

    run_index(folder, out, workers=workers, debug=debug)
