"""Every file of a run with size and hash, and what is gone of them later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from midmix.add.previews import FOLDER
from midmix.disk import sha256_of
from midmix.forget.receipts import BEGUN, RECEIPTS
from midmix.record import Record
from midmix.table_manifest import load_manifest
from midmix.tables import TABLES

# Locks hold nothing, scratch nothing that was published, and a preview nothing that its base has not.
LEFT_OUT = (FOLDER, "scratch", "state/lock", "state/workers.lock", str(RECEIPTS), str(BEGUN))
# Path below the run to (bytes, sha256).
Inventory = dict[str, tuple[int, str]]


def take_inventory(folder: Path) -> Inventory:
    """Every file of the run but those of LEFT_OUT. Data files have the hash that was written with them."""
    known = dict(_known(folder))
    found: Inventory = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and not any(name == left or name.startswith(f"{left}/") for left in LEFT_OUT):
            found[name] = (path.stat().st_size, known.get(name) or sha256_of(path))
    return found


def _known(folder: Path) -> Iterator[tuple[str, str]]:
    for table in TABLES:
        manifest = load_manifest(folder, table)
        yield from ((file.path, file.sha256) for file in manifest.files)
        yield from ((file.path, file.sha256) for file in manifest.attached)
    for path in sorted((folder / "records").rglob("*.json")):
        record = Record.load(path)
        if record is not None:
            yield from ((file.path, file.sha256) for files in record.files.values() for file in files)
            yield from ((file.path, file.sha256) for files in record.attached.values() for file in files)


def gone(before: Inventory, folder: Path) -> list[dict[str, Any]]:
    """What of an inventory is there no more, or has other bytes: path, bytes, sha256, and `removed` or `rewritten`."""
    now = take_inventory(folder)
    return [
        {"path": name, "bytes": size, "sha256": digest, "how": "rewritten" if name in now else "removed"}
        for name, (size, digest) in sorted(before.items())
        if now.get(name) != (size, digest)
    ]
