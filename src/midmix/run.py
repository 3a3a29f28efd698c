"""A run that is there: its tables as polars frames, its views in DuckDB, from Python."""

from __future__ import annotations

import functools
import json
import os
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from midmix.columns import tables_of
from midmix.config import Config, nearest, parse_config
from midmix.errors import ConfigError, InputError
from midmix.table_files import read_table
from midmix.table_manifest import load_manifest
from midmix.tables import PARTS, TABLES

if TYPE_CHECKING:
    import duckdb
    import polars as pl


class Run:
    """A run folder, open for reading. Many may have it open while one process writes."""

    def __init__(self, folder: Path, config: Config) -> None:
        self.folder, self.config = folder, config

    @functools.cached_property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """A locked DuckDB connection with all views (see `midmix.query`); a snapshot of what was published when it opened."""
        from midmix.query import connect

        return connect(self.folder, self.config)

    def sql(self, query: str) -> duckdb.DuckDBPyRelation:
        """The answer to one SELECT over the views: `.pl()`, `.arrow()`, `.df()`, `.fetchall()`. Raises ConfigError."""
        from midmix.query import ask

        return ask(self.connection, query)

    def table(self, name: str) -> pl.LazyFrame:
        """A stored table as a polars LazyFrame. Raises ConfigError for an unknown name."""
        import polars as pl

        if name not in TABLES:
            raise ConfigError(f"got table {name!r}{nearest(name, TABLES)}")
        table, manifest = tables_of(self.config)[name], load_manifest(self.folder, name)
        groups = [manifest.paths(self.folder, unit=u) for u in table.groups] or [manifest.paths(self.folder)]
        frames = [pl.scan_parquet(list(paths)) for paths in groups if paths]
        if not frames:
            return pl.LazyFrame(pl.DataFrame(table.schema().empty_table()))
        first, *others = frames
        return pl.concat([first, *(f.drop(table.key) for f in others)], how="horizontal") if others else first


def refuse_pattern(folder: Path) -> None:
    """Raise ConfigError where the folder's name is a pattern: DuckDB and polars would read other runs that match it."""
    if any(character in str(folder) for character in "*?["):
        raise ConfigError(
            f"{folder}: a run folder's path may hold no '*', '?' or '[', which match other folders. Rename it."
        )


def open_run(folder: str | PathLike[str]) -> Run:
    """Open a run folder. Raises InputError when there is none, ConfigError when its name is a pattern."""
    path = Path(folder)
    refuse_pattern(path)
    state = path / "state" / "config.json"
    try:
        values = json.loads(state.read_text(encoding="utf-8"))
        beside, before, config = (path / values["base"]).resolve(), Path(values["base_was"]), values["config"]
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"{path}: no run folder (no {state.relative_to(path)}). `midmix run CONFIG --out {path}` makes one."
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{state}: not readable ({error!r}). Run midmix with this folder again to mend it.") from None
    base = before if beside != before and _stayed_behind(path, beside, before) else beside
    return Run(path, parse_config(config, base=base, name=str(state)))


def _stayed_behind(folder: Path, beside: Path, before: Path) -> bool:
    """Whether the run alone was moved, and its sources are still below `before`, the config's folder, not `beside`."""
    paths = [part["path"] for part in read_table(folder, PARTS).to_pylist() if not part["stored"]]
    return bool(paths) and not os.path.exists(beside / paths[0]) and os.path.exists(before / paths[0])
