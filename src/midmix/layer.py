"""A run folder that stands on another, its base: what it has not made itself is read from there.

A preview is such a run: it lies below its base, names the base's files by the way that leads to them, and writes its
own into its own folder alone. Nothing is copied or linked, so it costs what is new, on any file system.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

WAY = Path("state") / "base.json"


def way_to_base(folder: Path) -> str | None:
    """The relative path from a run folder to the run that it stands on; None where it stands on none."""
    try:
        value: str = json.loads((folder / WAY).read_text(encoding="utf-8"))["base"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    return value


def base_of(folder: Path) -> Path | None:
    """The run folder that this one stands on; None where it stands on none."""
    way = way_to_base(folder)
    return Path(os.path.normpath(folder / way)) if way else None


def locate(folder: Path, path: str) -> Path:
    """Where a file lies that a table names by its path in the run folder: here, or in the run that this stands on."""
    base = base_of(folder)
    return base / path if base is not None and not (folder / path).exists() else folder / path


def path_in_run(path: str) -> str:
    """A file's path in the folder of the run that wrote it, from the path in a manifest: what tables may hold."""
    return "/".join(name for name in path.split("/") if name != "..")
