"""Files of a source: globs, folders and URLs to a sorted list, each with an identity that changes with its bytes."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from midmix.config import Config, Source
from midmix.disk import sha256_of, write_json
from midmix.errors import ConfigError, InputError
from midmix.layer import base_of

PARQUET = (".parquet", ".pq")
JSONL = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".ndjson.gz", ".ndjson.zst")

RUN_FOLDERS = (
    "data",
    "export",
    "previews",
    "records",
    "scratch",
    "state",
    "tables",
)  # of a run that lies below its own source


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
        found = _list_remote(name, source.path)
    else:
        found = _list_local(name, source.path, config)
    known = [(path, location) for path, location in found if path.lower().endswith(PARQUET + JSONL)]
    for path, _ in known:
        if path != path.encode(errors="ignore").decode():
            raise InputError(f"source {name}: {os.fsencode(path)!r}: the name is no valid UTF-8. Rename the file.")
    if not known:
        other = f"; {len(found)} files of other kinds are there, such as {found[0][0]}" if found else ""
        raise ConfigError(
            f"source {name}: no {', '.join((*PARQUET[:1], *JSONL[:3]))} file at {source.path} "
            f"(looked from {config.base}){other}. Correct 'sources.{name}.path'."
        )
    return sorted(known)


def _list_local(name: str, path: str, config: Config) -> list[tuple[str, str]]:
    import glob

    where = config.resolve(path)
    if os.path.isdir(where):
        try:
            files = list(_walk(where))
        except OSError as error:
            raise InputError(
                f"source {name}: {error.filename}: {error.strerror}, so its files cannot be listed. Allow it, or take "
                f"it out of 'sources.{name}.path'."
            ) from None
    else:
        found = [where] if os.path.lexists(where) else glob.glob(where, recursive=True)
        files = [f for f in found if _is_file_or_dead_link(f)]
    if os.path.isabs(path):
        return [(f, f) for f in files]
    return [(os.path.relpath(f, config.base).replace(os.sep, "/"), f) for f in files]


def _walk(folder: str) -> Iterator[str]:
    """Files below a folder; linked folders are followed, each folder once."""
    seen: set[str] = set()
    for where, folders, names in os.walk(folder, followlinks=True, onerror=_raise):
        if os.path.realpath(where) in seen:
            folders.clear()
            continue
        seen.add(os.path.realpath(where))
        folders.sort()
        yield from (path for n in names if _is_file_or_dead_link(path := os.path.join(where, n)))


def _raise(error: OSError) -> None:
    raise error


def _is_file_or_dead_link(path: str) -> bool:
    return os.path.isfile(path) or (os.path.islink(path) and not os.path.exists(path))


def _list_remote(name: str, url: str) -> list[tuple[str, str]]:
    import fsspec

    try:
        filesystem, path = fsspec.core.url_to_fs(url)
        paths = filesystem.find(path) if filesystem.isdir(path) else filesystem.glob(path)
    except ImportError as error:
        raise ConfigError(f"{url}: {error}. Install it, such as `pip install s3fs` or `pip install gcsfs`.") from None
    except ValueError as error:  # a kind of URL that fsspec does not know
        raise ConfigError(f"source {name}: {url}: {error}. Correct 'sources.{name}.path'.") from None
    except Exception as error:  # every store has errors of its own
        raise InputError(f"source {name}: {url}: cannot be listed: {error}") from None
    return [(filesystem.unstrip_protocol(p), filesystem.unstrip_protocol(p)) for p in paths]


class Identities:
    """Hashes of files, kept with size and time of change so that an untouched file is not read again."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "state" / "files.json"
        self._scratch = folder / "scratch"
        self._known: dict[str, list[Any]] = {}
        with contextlib.suppress(OSError, ValueError):  # without memory of earlier hashes every file is hashed again
            known = json.loads(self._path.read_text())
            self._known = known if isinstance(known, dict) else {}

    def identify(self, location: str) -> tuple[int, str]:
        """Size in bytes and identity: SHA-256 of a local file, the store's etag of a remote one.

        A file that cannot be read is identified by the reason: whoever reads it will set it aside, until it can be.
        """
        if "://" in location:
            return _remote_identity(location)
        try:
            stat = os.stat(location)
            known = self._known.get(location)
            if known and known[:2] == [stat.st_size, stat.st_mtime_ns]:
                return stat.st_size, str(known[2])
            digest = sha256_of(Path(location))
        except OSError as error:
            return 0, f"unreadable: {error.strerror}"
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
    runs = (folder, base_of(folder) or folder)
    own = tuple(os.path.realpath(run / name) + os.sep for run in runs for name in RUN_FOLDERS)
    files = [
        RawFile(name, path, location, *identities.identify(location))
        for name, source in config.read_sources.items()
        for path, location in list_files(name, source, config)
        if "://" in location or not os.path.realpath(location).startswith(own)
    ]
    identities.save()
    return files


def as_settings(file: RawFile) -> dict[str, Any]:
    """A file as plain values without its absolute place."""
    return {key: value for key, value in asdict(file).items() if key != "location"}
