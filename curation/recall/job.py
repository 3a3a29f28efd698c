"""A recall loop as a command: one writer in its folder, workers for the pool, a line for every round."""

from __future__ import annotations

import os
from pathlib import Path

from midmix.curation.recall.loop import Recall, recall
from midmix.curation.recall.report import closing_lines, round_line
from midmix.curation.recall.settings import RecallSettings
from midmix.errors import InputError
from midmix.execution.local import LocalPool
from midmix.progress import Progress
from midmix.run import open_run
from midmix.writer import only_writer


def run_recall(
    run_folder: Path,
    settings: RecallSettings,
    folder: Path,
    *,
    workers: int | None = None,
    quiet: bool = False,
    debug: bool = False,
) -> Recall:
    """Do the loop in `folder` and say how it goes. Raises as `recall`, and InputError when `folder` holds other files."""
    run = open_run(run_folder)
    if folder.exists() and not (folder / "state").exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: holds files but no recall loop. Give --out a new or empty folder.")
    progress = Progress(folder, quiet=quiet)
    with (
        only_writer(folder) as locks,
        LocalPool(workers or os.cpu_count() or 1, progress, locks, debug=debug) as pool,
    ):
        made = recall(run, settings, folder, pool, said=lambda done: progress.say(round_line(done)))
    for line in closing_lines(made, folder):
        progress.say(line)
    return made
