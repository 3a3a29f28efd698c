"""What a purge would delete and write anew, from the run and the layer in which it has forgotten the source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from midmix.flow import EXPORT
from midmix.layer import path_in_run
from midmix.mixer.export.step import FOLDER
from midmix.record import Record
from midmix.table_files import read_table
from midmix.table_manifest import is_made, load_manifest, manifest_path
from midmix.tables import EXPORTS, PARTS, STEPS, TABLES

REMOVED, REWRITTEN, AGAIN = "removed", "rewritten", "made again"
# Tables that the purge itself makes again, whatever the layer has.
MADE_AGAIN = (STEPS.name, EXPORTS.name)


def items_of(folder: Path, source: str) -> set[str]:
    """What work on one part of the source is called."""
    return {f"p{row['part']:08d}" for row in read_table(folder, PARTS).to_pylist() if row["source"] == source}


def forecast(folder: Path, layer: Path, source: str) -> list[dict[str, Any]]:
    """Path below the run, bytes, and what a purge would do to it, of every file that it would touch, by path.

    `removed` or `rewritten`; files of exports are `made again`: which of them differ, or have no successor, is known then.
    """
    published = _published(layer)
    records = _records(folder, layer, items_of(folder, source), published)
    rows = [*_tables(folder, layer), *records, *_state(folder), *_data(folder, published)]
    sizes = {name: (folder / name).stat().st_size for name, _ in rows}
    return [{"path": name, "bytes": sizes[name], "how": how} for name, how in sorted(rows)]


def _published(layer: Path) -> set[str]:
    """Data files that the tables will name."""
    found: set[str] = set()
    for table in TABLES.keys() - set(MADE_AGAIN):
        manifest = load_manifest(layer, table)
        found |= {path_in_run(file.path) for file in manifest.files}
        found |= {path_in_run(path) for path in manifest.attachments.values()}
    return found


def _tables(folder: Path, layer: Path) -> Iterator[tuple[str, str]]:
    for table in TABLES:
        own = manifest_path(folder, table)
        again = table in MADE_AGAIN or load_manifest(folder, table).digest != load_manifest(layer, table).digest
        if own.exists() and again:
            yield str(own.relative_to(folder)), REWRITTEN


def _records(folder: Path, layer: Path, items: set[str], published: set[str]) -> Iterator[tuple[str, str]]:
    """Records that go, as of work on the source or on what no table will name, or that change."""
    for path in sorted((folder / "records").rglob("*.json")):
        name = str(path.relative_to(folder))
        record, ahead = Record.load(path), Record.load(layer / name)
        after = ahead.from_base() if ahead else record
        exported = is_made(folder, EXPORTS.name) and path.is_relative_to(folder / "records" / EXPORT.name)
        if not exported and (path.stem in items or (after is not None and not after.paths() <= published)):
            yield name, REMOVED
        elif exported or after != record:
            yield name, REWRITTEN


def _state(folder: Path) -> Iterator[tuple[str, str]]:
    """The config, hashes of the source's own files, the report, which shows texts, and exports."""
    names = [("state/config.json", REWRITTEN), ("state/files.json", REWRITTEN), ("report.html", REWRITTEN)]
    exports = read_table(folder, EXPORTS).to_pylist() if is_made(folder, EXPORTS.name) else []
    names += [(f"{FOLDER}/{row['trainer']}/{row['file']}", AGAIN) for row in exports]
    yield from ((name, how) for name, how in names if (folder / name).exists())


def _data(folder: Path, named: set[str]) -> Iterator[tuple[str, str]]:
    for table in TABLES:
        for path in sorted((folder / "data" / table).rglob("*")):
            name = str(path.relative_to(folder))
            if path.is_file() and name not in named:
                yield name, REMOVED
