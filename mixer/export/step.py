"""Step export: the plan -> RUN/export/<trainer>, and EXPORTS with every file's hash.

The folders hold plain names and relative paths, as trainers need them; their token files are hard links into the run.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pyarrow as pa

from midmix.mixer.export.exporter import Tell
from midmix.mixer.export.trainers import export_plan
from midmix.step import Context
from midmix.tables import EXPORTS, PLAN, TOKENS
from midmix.task import Output, Task
from midmix.within import Within

__all__ = ["VERSION", "export_plan", "run"]

VERSION = 3
FOLDER = "export"


def run(context: Context) -> None:
    """Export to the trainers of the config; folders that were deleted since are written again."""
    trainers = tuple(sorted(set(context.config.export)))
    context.gather(write_exports, writes=(EXPORTS,), reads=(PLAN, TOKENS), settings={"trainers": list(trainers)})
    if not _all_there(context):
        export_plan(context.folder, trainers, context.folder / FOLDER, absolute=False)


def write_exports(task: Task, output: Output) -> None:
    """Write the folders, then EXPORTS."""
    trainers: list[str] = task.settings["trainers"]
    destination = task.folder / FOLDER
    folders = export_plan(task.folder, trainers, destination, absolute=False, show=partial(_show, task.folder))
    _remove_others(destination, set(trainers))
    rows = [
        {"trainer": folder.name, "file": written.file, "bytes": written.bytes, "sha256": written.sha256}
        for folder, files in folders.items()
        for written in files
    ]
    output.table(EXPORTS, pa.Table.from_pylist(rows, schema=EXPORTS.schema()))


@contextmanager
def _show(folder: Path, trainer: str, total: int) -> Iterator[Tell]:
    """Follow a trainer's sequences where the run shows how far its tasks are."""
    within, done = Within(folder, trainer, total, "sequences"), 0

    def tell(sequences: int) -> None:
        nonlocal done
        done += sequences
        within.done(done)

    try:
        yield tell
    finally:
        within.end()


def _all_there(context: Context) -> bool:
    rows = context.read(EXPORTS).to_pylist()
    paths = [(context.folder / FOLDER / row["trainer"] / row["file"], row["bytes"]) for row in rows]
    return all(path.is_file() and path.stat().st_size == size for path, size in paths)


def _remove_others(destination: Path, trainers: set[str]) -> None:
    """Remove what an earlier config exported, and what a killed run left unfinished."""
    for folder in destination.iterdir():
        if folder.is_dir() and folder.name not in trainers:
            shutil.rmtree(folder)
