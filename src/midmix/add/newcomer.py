"""What a newcomer's file may hold, and the config that the run has with it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from midmix.config import Config, parse_config
from midmix.config.text import read_yaml
from midmix.errors import ConfigError, InputError
from midmix.run import Run
from midmix.table_files import read_table
from midmix.tables import SOURCES

SECTIONS = ("sources", "benchmarks", "survivor")


@dataclass(frozen=True)
class Newcomer:
    """Sources, benchmarks with them, and the survivor order where it is given: plain values, as the run's config has them."""

    path: Path
    sources: dict[str, Any]
    benchmarks: dict[str, Any]
    survivor: list[str] | None

    @property
    def values(self) -> dict[str, Any]:
        """The sections as one mapping, the empty ones left out."""
        found = {"sources": self.sources, "benchmarks": self.benchmarks, "survivor": self.survivor}
        return {name: value for name, value in found.items() if value}


def read_newcomer(path: Path, run: Run) -> Newcomer:
    """The newcomer that a YAML file describes, its paths as the run's config names them. Raises ConfigError."""
    values = read_yaml(path)
    if not isinstance(values, dict) or not isinstance(values.get("sources"), dict) or not values["sources"]:
        raise ConfigError(
            f"{path}: got no source, expected a mapping such as sources: {{new: {{path: data/new/, kind: prose}}}}"
        )
    for name in values:
        if name not in SECTIONS:
            raise ConfigError(
                f"{path}: got '{name}', expected {', '.join(SECTIONS)} alone: the rest is the run's own config. To change "
                f"that, edit the run's config file and run it again."
            )
    named = {section: values.get(section) or {} for section in ("sources", "benchmarks")}
    if not isinstance(named["benchmarks"], dict):
        raise ConfigError(f"{path}: 'benchmarks': got {named['benchmarks']!r}, expected name: file")
    for entries in named.values():
        for name, entry in entries.items():
            entries[name] = _rebased(entry, path.resolve().parent, run.config.base)
    return Newcomer(path, named["sources"], named["benchmarks"], values.get("survivor"))


def _rebased(entry: Any, here: Path, base: Path) -> Any:
    """An entry whose path starts from the config's folder, where it stood relative to the newcomer's file."""
    if isinstance(entry, dict):
        return entry | {"path": _rebased(entry["path"], here, base)} if isinstance(entry.get("path"), str) else entry
    if not isinstance(entry, str) or "://" in entry or os.path.isabs(entry) or here == base.resolve():
        return entry
    moved = os.path.relpath(here / entry, base.resolve()).replace(os.sep, "/")
    return f"{moved}/" if entry.endswith("/") else moved


def grown_config(run: Run, newcomer: Newcomer) -> Config:
    """The run's config with the newcomer at its end. Raises ConfigError, also where it is in the run already."""
    values = run.config.model_dump(mode="json", exclude_unset=True)
    for section in ("sources", "benchmarks"):
        taken = [name for name in newcomer.values.get(section, ()) if name in values.get(section, {})]
        if taken:
            raise ConfigError(
                f"{newcomer.path}: '{section}.{taken[0]}': {run.folder} has one of this name already"
                f"{_same(run, newcomer, section, taken[0])}. Give the new one another name, or take it out of the file."
            )
    values["sources"] = _in_order(run, values["sources"]) | newcomer.sources
    if newcomer.benchmarks:
        values["benchmarks"] = values.get("benchmarks", {}) | newcomer.benchmarks
    if newcomer.survivor is not None:
        values["survivor"] = newcomer.survivor
    return parse_config(values, base=run.config.base, name=str(newcomer.path))


def _same(run: Run, newcomer: Newcomer, section: str, name: str) -> str:
    return ", the same" if _is_entry(run, newcomer, section, name) else ", another"


def is_taken_in(run: Run, newcomer: Newcomer) -> bool:
    """Whether the run's config holds all of the newcomer, as the file describes it."""
    entries = [(s, name) for s in ("sources", "benchmarks") for name in newcomer.values.get(s, ())]
    survivor = newcomer.survivor is None or tuple(newcomer.survivor) == run.config.survivor
    return survivor and all(_is_entry(run, newcomer, section, name) for section, name in entries)


def _is_entry(run: Run, newcomer: Newcomer, section: str, name: str) -> bool:
    own: dict[str, Any] = getattr(run.config, section)
    if name not in own:
        return False
    alone = {"sources": newcomer.sources, "benchmarks": newcomer.benchmarks}
    parsed: dict[str, Any] = getattr(parse_config(alone, base=run.config.base, name=str(newcomer.path)), section)
    return bool(parsed[name] == own[name])


def _in_order(run: Run, sources: dict[str, Any]) -> dict[str, Any]:
    """The run's sources by their place, forgotten ones first. Raises InputError where not all of them are taken in."""
    rows = sorted(read_table(run.folder, SOURCES).to_pylist(), key=lambda row: int(row["position"]))
    read = run.config.read_sources
    if {row["source"] for row in rows} != read.keys():
        [name, *_] = read.keys() ^ {row["source"] for row in rows}
        raise InputError(
            f"{run.folder}: source {name!r} is in its config or in its tables alone. "
            f"Bring the run up to date first: midmix run CONFIG --out {run.folder}"
        )
    gone = {name: source for name, source in sources.items() if name not in read}
    return gone | {row["source"]: sources[row["source"]] for row in rows}
