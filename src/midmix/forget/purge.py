"""Deleting what a run holds of a source, with a receipt that names every file."""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import midmix
from midmix.add.commit import adopt
from midmix.add.previews import discard, previews_of, steps_reached
from midmix.config import Config
from midmix.disk import write_json
from midmix.flow import steps_between
from midmix.forget.config import config_without
from midmix.forget.forecast import items_of
from midmix.forget.inventory import gone, take_inventory
from midmix.forget.receipts import BEGUN, RECEIPTS
from midmix.forget.without import make_without, run_chain
from midmix.layer import WAY
from midmix.record import Record
from midmix.run import Run, open_run
from midmix.runner import run_steps
from midmix.table_files import read_table, sweep
from midmix.table_manifest import is_made, load_manifest
from midmix.tables import EXPORTS, PARTS, TABLES
from midmix.writer import only_writer


def purge(
    folder: Path, source: str, *, workers: int | None = None, quiet: bool = False, debug: bool = False
) -> tuple[Path, dict[str, Any]]:
    """Make the run what `make_without` showed, delete every file that held the source, and write the receipt.

    Killed at any moment, the same call finishes it, and the receipt names what was deleted before. Raises as `make_without`.
    """
    pending = folder / BEGUN / f"{source}.json"
    options: dict[str, Any] = {"workers": workers, "quiet": quiet, "debug": debug}
    if not pending.exists():
        begun = _begin(folder, source, options)
        write_json(pending, begun, scratch=folder / "scratch", sort_keys=False)
    begun = json.loads(pending.read_text(encoding="utf-8"))
    run = open_run(folder)
    steps = steps_reached(folder)
    config = config_without(run.config, source)
    layer = folder / begun["layer"]
    if (layer / WAY).exists():
        with only_writer(folder), only_writer(layer):
            adopt(layer, folder)
    run_chain(config, folder, steps, source, **options)
    if is_made(folder, EXPORTS.name):
        run_steps(config, folder, steps_between("export", "export"), **options)
    for preview in list(previews_of(folder)):  # each stands on the run as it was, with the source
        discard(preview.folder)
    with only_writer(folder):
        _drop(folder, config, set(begun["items"]), begun["files"])
    _report(folder)
    before = {name: (size, digest) for name, (size, digest) in begun.pop("inventory").items()}
    receipt = begun | {"purged": gone(before, folder)}
    path = folder / RECEIPTS / f"{source}.json"
    write_json(path, receipt, scratch=folder / "scratch", sort_keys=False)
    pending.unlink()
    return path, receipt


def _begin(folder: Path, source: str, options: dict[str, Any]) -> dict[str, Any]:
    """What must be known before anything goes: the findings, the source's files and parts, and every file of the run."""
    layer, findings = make_without(folder, source, **options)
    parts = [row for row in read_table(folder, PARTS).to_pylist() if row["source"] == source]
    return {
        "source": source,
        "midmix": midmix.__version__,
        "purged_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "layer": str(layer.relative_to(folder)),
        "items": sorted(items_of(folder, source)),
        # The source's own files lie outside the run; they are named, not touched.
        "files": sorted({row["path"] for row in parts}),
        "findings": findings.values(),
        "inventory": take_inventory(folder),
    }


def _drop(folder: Path, config: Config, items: set[str], files: list[str]) -> None:
    """Remove records of work that the published tables no longer rest on, then every data file that no table names."""
    published = set(_published(folder))
    for path in sorted((folder / "records").rglob("*.json")):
        record = Record.load(path)
        if path.stem in items or (record is not None and not record.paths() <= published):
            path.unlink()
    sweep(folder, published)
    _forget_hashes(folder, {config.resolve(file) for file in files})


def _published(folder: Path) -> Iterator[str]:
    for table in TABLES:
        manifest = load_manifest(folder, table)
        yield from (file.path for file in manifest.files)
        yield from manifest.attachments.values()


def _forget_hashes(folder: Path, locations: set[str]) -> None:
    """Forget what is known of the source's own files, but for the receipt."""
    path = folder / "state" / "files.json"
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(path.read_text(encoding="utf-8"))
        rest = {name: value for name, value in known.items() if name not in locations}
        write_json(path, rest, scratch=folder / "scratch")


def _report(folder: Path) -> None:
    """Write the report again where there is one: it shows texts."""
    path = folder / "report.html"
    if path.exists():
        from midmix.report import write_report

        write_report(Run(folder, open_run(folder).config), path)
