"""The indexes of earlier corpora that a config names, checked, and what is looked up in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from midmix.config import Config
from midmix.curation.dedup.places import halves
from midmix.curation.past.folded import Folded
from midmix.curation.past.index import FILE, FORMAT, TABLES, signing
from midmix.disk import sha256_of
from midmix.errors import ConfigError, InputError
from midmix.parts import ROW_MASK
from midmix.table_manifest import Manifest, load_manifest
from midmix.tables import SHINGLES, SIGNATURES

PLACE_BITS = 32


@dataclass(frozen=True)
class Facts:
    """Of some documents of an index: key uint64 [n], halves of clean_hash int64 [2, n], num_shingles int64 [n]."""

    keys: npt.NDArray[np.uint64]
    hashes: npt.NDArray[np.int64]
    num_shingles: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Corpus:
    """The index of an earlier corpus. `identity` is a hash of all that it holds."""

    folder: Path
    identity: str

    @cached_property
    def _signatures(self) -> Manifest:
        return load_manifest(self.folder, SIGNATURES.name)

    @cached_property
    def _shingles(self) -> Mapping[str, str]:
        return load_manifest(self.folder, SHINGLES.name).attachments

    def facts(self, places: npt.NDArray[np.int64]) -> Facts:
        """What is known of documents at these places, ascending."""
        keys, hashes, counts = np.empty(len(places), np.uint64), np.empty((2, len(places)), np.int64), []
        for some, part, rows in _by_part(places):
            (path,) = self._signatures.paths(self.folder, part=part)
            found = pq.read_table(path, columns=["doc", "clean_hash", "num_shingles"], use_threads=False)
            keys[some] = found["doc"].to_numpy()[rows]
            hashes[:, some] = np.stack(halves(found["clean_hash"].combine_chunks()))[:, rows]
            counts.append(found["num_shingles"].to_numpy()[rows].astype(np.int64))
        return Facts(keys, hashes, np.concatenate([np.zeros(0, np.int64), *counts]))

    def shingles(self, places: npt.NDArray[np.int64]) -> Folded:
        """The shingles of documents at these places, ascending."""
        found = [
            Folded.read(self.folder / self._shingles[f"p{part:08d}.bin"]).take(rows)
            for _, part, rows in _by_part(places)
        ]
        return Folded.concat(found)


def _by_part(places: npt.NDArray[np.int64]) -> Iterator[tuple[slice, int, npt.NDArray[np.int64]]]:
    """(slice of places, part, rows in it) of each part."""
    parts, firsts = np.unique(places >> PLACE_BITS, return_index=True)
    for part, first, last in zip(parts.tolist(), firsts, [*firsts[1:], len(places)], strict=True):
        some = slice(int(first), int(last))
        yield some, part, places[some] & ROW_MASK


def load_corpora(config: Config) -> dict[str, Corpus]:
    """The corpora of `dedup.against`, by name in its order.

    Raises InputError where a folder holds no whole index, ConfigError where documents were signed in another way.
    """
    return {name: _load(name, path, config) for name, path in sorted(config.dedup.against.items())}


def _load(name: str, path: str, config: Config) -> Corpus:
    folder = Path(config.resolve(path))
    where = f"dedup.against.{name} {folder}"
    try:
        value = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if value["format"] != FORMAT:
            raise InputError(
                f"{where}: format {value['format']}, this midmix reads {FORMAT}. Make it again with midmix index."
            )
        indexed, tables = value["signing"], value["tables"]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"{where}: no finished index (no readable {FILE}). `midmix index RUN --out {folder}` makes one."
        ) from None
    if any(load_manifest(folder, table.name).digest != tables[table.name] for table in TABLES):
        raise InputError(f"{where}: its tables are not those of {FILE}. Finish it: midmix index RUN --out {folder}")
    for kind in sorted({source.kind for source in config.sources.values()}):
        _check(where, kind, indexed[kind], signing(config, kind))
    return Corpus(folder, sha256_of(folder / FILE))


def _check(where: str, kind: str, indexed: dict[str, Any], asked: dict[str, Any]) -> None:
    differing = [
        f"{name} is {indexed[name]} there and {asked[name]} here" for name in asked if indexed[name] != asked[name]
    ]
    if differing:
        raise ConfigError(
            f"{where}: documents of kind {kind} were signed in another way: {'; '.join(differing)}. "
            f"Give the section 'dedup' the values of the index, or make the index from a run with those of this config."
        )
