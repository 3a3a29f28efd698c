"""Taking a newcomer in: what its preview has done becomes the run's, then the run goes on with one source more."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

import yaml

from midmix.add.newcomer import Newcomer, grown_config, is_taken_in, read_newcomer
from midmix.add.preview import explained_drift
from midmix.add.previews import (
    discard,
    discard_replaced,
    is_of_files,
    place_of,
    previews_of,
    refuse_changes,
    steps_reached,
)
from midmix.config import Config
from midmix.curation.ingest.files import raw_files
from midmix.disk import has_size, write_atomically
from midmix.errors import InputError
from midmix.layer import WAY, path_in_run
from midmix.record import Record
from midmix.run import Run, open_run
from midmix.runner import run_steps
from midmix.table_manifest import is_made
from midmix.writer import only_writer


def commit(
    folder: Path, file: Path, *, workers: int | None = None, quiet: bool = False, debug: bool = False
) -> tuple[Run, Newcomer]:
    """Append the newcomer's sources to the run, and redo its steps of curation as far as they were done.

    Killed at any moment, the same call finishes it: until the run's own steps begin nothing of it has changed, and then
    the newcomer is part of its config. Raises ConfigError on the file, InputError where the run cannot take it now.
    """
    run = open_run(folder)
    steps = steps_reached(folder)
    newcomer = read_newcomer(file, run)
    config = run.config if is_taken_in(run, newcomer) else grown_config(run, newcomer)
    with explained_drift(folder):
        with only_writer(folder):
            files = raw_files(config, folder)
            refuse_changes(folder, files)
            layer = place_of(folder, newcomer)
            if (layer / WAY).exists() and is_of_files(layer, files):
                with only_writer(layer):
                    adopt(layer, folder)
        run_steps(config, folder, steps, workers=workers, quiet=quiet, debug=debug)
    _discard_adopted(folder, config)
    return open_run(folder), newcomer


def adopt(layer: Path, folder: Path) -> None:
    """Give the run every record of the layer, after the files that it names: a record that is there is whole."""
    for path in sorted((layer / "records").rglob("*.json")):
        record = Record.load(path)
        if record is None:
            continue
        for name in sorted(record.paths()):
            size = (layer / name).stat().st_size
            if not has_size(folder / path_in_run(name), size):
                write_atomically(folder / name, _copy_of(layer / name), scratch=folder / "scratch")
        record.from_base().save(folder / path.relative_to(layer), scratch=folder / "scratch")


def _copy_of(source: Path) -> Any:
    """A function that makes a path the same file as `source`, or a copy of it where the file system has no links."""

    def write(path: Path) -> None:
        try:
            os.link(source, path)
        except OSError:
            shutil.copyfile(source, path)

    return write


def _discard_adopted(folder: Path, config: Config) -> None:
    """Remove the previews whose sources are the run's now, and those that its new state has outdated."""
    for preview in previews_of(folder):
        if set(preview.adds) <= set(config.sources):
            with contextlib.suppress(InputError):  # someone looks at it again just now
                discard(preview.folder)
    discard_replaced(folder)


def text_to_paste(newcomer: Newcomer) -> str:
    """What belongs into the user's own config file, which nobody edits for him."""
    text: str = yaml.safe_dump(newcomer.values, sort_keys=False, allow_unicode=True, default_flow_style=None)
    return text


def is_mixed(folder: Path) -> bool:
    """Whether the run was mixed before the newcomer came, so that its weights do not know of it."""
    return is_made(folder, "designs")
