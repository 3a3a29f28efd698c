"""Files of a source: globs, folders and URLs to a sorted list, each with an identity that changes with its bytes."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from midmix.artifact import sha256_of, write_json
from midmix.config import Config, Source
from midmix.errors import ConfigError, InputError

PARQUET = (".parquet", ".pq")
JSONL = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".ndjson.gz", ".ndjson.zst")


@dataclass(frozen=True)
class RawFile:
    """One file of a source. `path` is as PARTS names it; `location` is where it is read from."""

    source: str
    path: str
    location: str
    size: int
    hash: str

    @property
    def is_parquet(self) -> bool:
        """Whether it is read in place."""
        return self.path.lower().endswith(PARQUET)


def list_files(name: str, source: Source, config: Config) -> list[tuple[str, str]]:
    """(path, location) of every file of a source, sorted by path. Raises ConfigError when there is none."""
    if "://" in source.path:
        found = _list_remote(source.path)
    else:
        found = _list_local(source.path, config)
    known = [(path, location) for path, location in found if path.lower().endswith(PARQUET + JSONL)]
    if not known:
        other = f"; {len(found)} files of other kinds are there, such as {found[0][0]}" if found else ""
        raise ConfigError(
            f"source {name}: no {', '.join((*PARQUET[:1], *JSONL[:3]))} file at {source.path} "
            f"(looked from {config.base}){other}. Correct 'sources.{name}.path'."
        )
    return sorted(known)


def _list_local(path: str, config: Config) -> list[tuple[str, str]]:
    import glob

    where = config.resolve(path)
    if os.path.isdir(where):
        files = [str(p) for p in Path(where).rglob("*") if p.is_file()]
    else:
        files = [f for f in glob.glob(where, recursive=True) if os.path.isfile(f)]
    if os.path.isabs(path):
        return [(f, f) for f in files]
    return [(os.path.relpath(f, config.base).replace(os.sep, "/"), f) for f in files]


def _list_remote(url: str) -> list[tuple[str, str]]:
    import fsspec

    try:
        filesystem, path = fsspec.core.url_to_fs(url)
        paths = filesystem.find(path) if filesystem.isdir(path) else filesystem.glob(path)
    except ImportError as error:
        raise ConfigError(f"{url}: {error}. Install it, such as `pip install s3fs` or `pip install gcsfs`.") from None
    except OSError as error:
        raise InputError(f"{url}: cannot be listed: {error}") from None
    return [(filesystem.unstrip_protocol(p), filesystem.unstrip_protocol(p)) for p in paths]


class Identities:
    """Hashes of files, kept with size and time of change so that an untouched file is not read again."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "state" / "files.json"
        self._scratch = folder / "scratch"
        self._known: dict[str, list[Any]] = {}
        with contextlib.suppress(OSError, ValueError):  # without memory of earlier hashes every file is hashed again
            self._known = json.loads(self._path.read_text())

    def identify(self, location: str) -> tuple[int, str]:
        """Size in bytes and identity: SHA-256 of a local file, the store's etag of a remote one."""
        if "://" in location:
            return _remote_identity(location)
        stat = os.stat(location)
        known = self._known.get(location)
        if known and known[:2] == [stat.st_size, stat.st_mtime_ns]:
            return stat.st_size, str(known[2])
        digest = sha256_of(Path(location))
        self._known[location] = [stat.st_size, stat.st_mtime_ns, digest]
        return stat.st_size, digest

    def save(self) -> None:
        """Remember what was hashed."""
        write_json(self._path, self._known, scratch=self._scratch)


def _remote_identity(location: str) -> tuple[int, str]:
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(location)
    info: Mapping[str, Any] = filesystem.info(path)
    tag = info.get("ETag") or info.get("etag") or info.get("md5Hash") or filesystem.ukey(path)
    return int(info.get("size") or 0), f"etag:{str(tag).strip(chr(34))}"


def raw_files(config: Config, folder: Path) -> list[RawFile]:
    """Every file of every source, in the config's order of sources and then by path, with its identity."""
    identities = Identities(folder)
    files = [
        RawFile(name, path, location, *identities.identify(location))
        for name, source in config.sources.items()
        for path, location in list_files(name, source, config)
    ]
    identities.save()
    return files


def as_settings(file: RawFile) -> dict[str, Any]:
    """A file as plain values without its absolute place."""
    return {key: value for key, value in asdict(file).items() if key != "location"}
