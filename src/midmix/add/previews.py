"""The previews of a run: layers below it, each named after what it adds and the state of the run that it adds it to."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from midmix.add.newcomer import Newcomer
from midmix.config import Config, nearest
from midmix.curation.ingest.files import RawFile, as_settings, raw_files
from midmix.disk import write_json
from midmix.errors import ConfigError, InputError, MidmixError
from midmix.flow import CURATE, Step
from midmix.layer import WAY, base_of
from midmix.record import Record
from midmix.table_manifest import is_made, load_manifest
from midmix.writer import only_writer

FOLDER = "previews"
FIGURES = Path("state") / "figures.json"
FILES = Path("state") / "files.json"
# The record that says which files the parts were cut from.
CUT = Path("records") / "ingest" / "_" / "all-cut_parts.json"
GONE = ".gone"


@dataclass(frozen=True)
class Preview:
    """One preview: what it adds or forgets, whether its figures are there, and whether the run is still as it was."""

    folder: Path
    adds: tuple[str, ...]
    forgets: tuple[str, ...]
    finished: bool
    outdated: bool

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name


def steps_reached(folder: Path) -> tuple[Step, ...]:
    """The steps of curation that a run has done. Raises InputError where it did not reach decide, or is a preview."""
    base = base_of(folder)
    if base is not None:
        raise InputError(f"{folder}: is a preview itself; add to the run that it stands on: midmix add {base} …")
    reached: list[Step] = []
    for step in CURATE:
        if not all(is_made(folder, table.name) for table in step.writes):
            break
        reached.append(step)
    if "decide" not in [step.name for step in reached]:
        done = reached[-1].name if reached else "no step"
        raise InputError(
            f"{folder}: the run has done {done}; a source can be added to one that has reached decide. "
            f"Run it first: midmix run CONFIG --out {folder} --until decide"
        )
    return tuple(reached)


def state_of(folder: Path) -> str:
    """A hash of what a run's curation has published, and of its config."""
    digest = hashlib.sha256(json.dumps(_config_of(folder), sort_keys=True).encode())
    for name in dict.fromkeys(table.name for step in CURATE for table in step.writes):
        digest.update(f"{name} {load_manifest(folder, name).digest}\n".encode())
    return digest.hexdigest()


def _config_of(folder: Path) -> Any:
    return json.loads((folder / "state" / "config.json").read_text(encoding="utf-8"))["config"]


def place_of(folder: Path, newcomer: Newcomer) -> Path:
    """Where the preview of a newcomer lies, for the state that the run is in."""
    asked = json.dumps([newcomer.values, state_of(folder)])  # the order of sources counts
    return folder / FOLDER / f"{next(iter(newcomer.sources))}-{hashlib.sha256(asked.encode()).hexdigest()[:8]}"


def open_layer(layer: Path, newcomer: Newcomer, config: Config) -> None:
    """Make a layer, or take up the one that is there; one of files that have changed since is made anew.

    Raises InputError where files of the run's own sources have changed.
    """
    base = layer.parents[1]
    changes = {"adds": list(newcomer.sources)}
    if not (layer / WAY).exists():
        found_layer(layer, base, changes)
    try:
        files = raw_files(config, layer)
        refuse_changes(base, files)
    except MidmixError:
        if not (layer / "records").exists():
            discard(layer)
        raise
    if not is_of_files(layer, files):
        known = (layer / FILES).read_bytes()
        discard(layer)
        found_layer(layer, base, changes, known)


def found_layer(layer: Path, base: Path, changes: Mapping[str, Sequence[str]], files: bytes | None = None) -> None:
    """Lay down what makes a folder a layer: hashes of files that are known, then the way to its base.

    `changes` names the sources that it `adds` or `forgets`.
    """
    (layer / "state").mkdir(parents=True, exist_ok=True)
    known = files if files is not None else (base / FILES).read_bytes() if (base / FILES).exists() else b"{}"
    (layer / FILES).write_bytes(known)
    value = {"base": os.path.relpath(base, layer), "adds": [], "state": state_of(base)} | dict(changes)
    write_json(layer / WAY, value, scratch=layer / "state")


def refuse_changes(folder: Path, files: Sequence[RawFile], *, forgotten: str | None = None) -> None:
    """Raise InputError where the run's own sources, but the `forgotten` one, are not the files that it has taken in."""
    record = Record.find(folder, CUT)
    if record is None:
        raise InputError(f"{folder}: its records are gone. Bring it up to date: midmix run CONFIG --out {folder}")
    before = [row for row in record.payload["settings"]["files"] if row["source"] != forgotten]
    sources = {row["source"] for row in before}
    known = {(row["source"], row["path"]): row for row in before}
    now = {(f.source, f.path): as_settings(f) for f in files if f.source in sources}
    for source, path in sorted(known.keys() | now.keys()):
        if known.get((source, path)) != now.get((source, path)):
            what = (
                "is new" if (source, path) not in known else "is gone" if (source, path) not in now else "has changed"
            )
            raise InputError(
                f"source {source}: {path} {what} since the run took it in, and a newcomer is measured against the run as "
                f"it is. Put it back, or take that in first: midmix run CONFIG --out {folder}"
            )


def is_of_files(layer: Path, files: Sequence[RawFile]) -> bool:
    """Whether what a layer has cut so far was cut from these files."""
    record = Record.load(layer / CUT)
    return record is None or record.payload["settings"]["files"] == [as_settings(f) for f in files]


def previews_of(folder: Path) -> Iterator[Preview]:
    """Every preview of a run, by name."""
    layers = sorted((folder / FOLDER).iterdir()) if (folder / FOLDER).is_dir() else []
    state = state_of(folder) if layers else ""
    for layer in layers:
        with contextlib.suppress(OSError, ValueError, KeyError):  # a leftover, which the next one takes away
            value = json.loads((layer / WAY).read_text(encoding="utf-8"))
            finished = (layer / FIGURES).exists()
            if layer.suffix != GONE:
                names = tuple(value["adds"]), tuple(value.get("forgets", ()))
                yield Preview(layer, *names, finished, value["state"] != state)


def preview_lines(folder: Path) -> list[str]:
    """The previews of a run in words, with what they take on disk."""
    lines = []
    for preview in previews_of(folder):
        size = sum(path.stat().st_size for path in preview.folder.rglob("*") if path.is_file())
        how = "finished" if preview.finished else "not finished; run it again to go on"
        old = ", of an earlier state of the run" if preview.outdated else ""
        what = f"of {', '.join(preview.adds)}" if preview.adds else f"without {', '.join(preview.forgets)}"
        lines.append(f"preview {preview.name} {what}: {how}{old}, {size / 1e6:,.1f} MB")
    return lines


def discard(layer: Path) -> None:
    """Remove a preview. Raises InputError while a process works on it."""
    with only_writer(layer):
        gone = layer.with_name(layer.name + GONE)
        shutil.rmtree(gone, ignore_errors=True)
        os.replace(layer, gone)
        shutil.rmtree(gone)
    with contextlib.suppress(OSError):  # others are there
        layer.parent.rmdir()


def discard_named(folder: Path, name: str) -> None:
    """Remove a preview of a run by its name. Raises ConfigError where there is none of this name."""
    names = {preview.name: preview.folder for preview in previews_of(folder)}
    if name not in names:
        raise ConfigError(f"--discard: got {name!r}, which is no preview of {folder}{nearest(name, names)}")
    discard(names[name])


def discard_replaced(folder: Path, keep: Path | None = None) -> None:
    """Remove previews that another has replaced, those of an earlier state of the run, and what killed ones left."""
    for layer in sorted((folder / FOLDER).iterdir()) if (folder / FOLDER).is_dir() else ():
        if layer.suffix == GONE or not (layer / WAY).exists():
            shutil.rmtree(layer, ignore_errors=True)
    previews = list(previews_of(folder))
    adds = next((set(preview.adds) for preview in previews if preview.folder == keep), set())
    for preview in previews:
        if preview.folder != keep and (preview.outdated or adds & set(preview.adds)):
            with contextlib.suppress(InputError):  # one is being made just now
                discard(preview.folder)
