"""Indexing as a command: one writer in its folder, workers for the parts."""

from __future__ import annotations

import os
from pathlib import Path

from midmix.curation.past.index import make_index
from midmix.disk import write_json
from midmix.errors import InputError
from midmix.execution.local import LocalPool
from midmix.progress import Progress
from midmix.run import open_run
from midmix.writer import only_writer

# What tells the folder of an index, finished or not, from any other.
_MARK = Path("state") / "index.json"


def run_index(
    run_folder: Path, folder: Path, *, workers: int | None = None, quiet: bool = False, debug: bool = False
) -> None:
    """Write the index of a run into `folder`. Raises as `make_index`, and InputError when `folder` holds other files."""
    run = open_run(run_folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a file, expected a folder for the index. Give another --out.")
    if folder.exists() and not (folder / _MARK).exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: holds files but no index. Give --out a new or empty folder, or an earlier index.")
    write_json(folder / _MARK, {"run": str(run.folder)}, scratch=folder / "state")
    progress = Progress(folder, quiet=quiet)
    with (
        only_writer(folder) as locks,
        LocalPool(workers or os.cpu_count() or 1, progress, locks, debug=debug) as pool,
    ):
        documents = make_index(run, folder, pool)
        progress.finish()
    progress.say(f"{folder}: {documents:,} documents. In another config: dedup: {{against: {{NAME: {folder}}}}}")
