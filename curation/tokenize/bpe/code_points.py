"""Tables of a byte per code point, kept in midmix's cache: making one asks about a million code points."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from midmix.jit import cache_folder

CODES = 0x110000
SURROGATES = range(0xD800, 0xE000)
Table = npt.NDArray[np.uint8]


def kept_table(name: str, version: str, make: Callable[[], Table]) -> Table:
    """What `make` gives, uint8[0x110000], read-only, from the cache where it is there and whole.

    `version` names all that the table depends on.
    """
    key = hashlib.sha256(f"{version}|{sys.platform}".encode()).hexdigest()[:16]
    path = cache_folder(Path(__file__)).parent / f"{name}-{key}"
    found = _read(path)
    if found is None:
        found = make()
        _write(path, found)
    found.flags.writeable = False
    return found


def _read(path: Path) -> Table | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    table, digest = data[:CODES], data[CODES:]
    return np.frombuffer(table, np.uint8) if hashlib.sha256(table).digest() == digest else None


def _write(path: Path, table: Table) -> None:
    data = table.tobytes()
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as stream:
        stream.write(data + hashlib.sha256(data).digest())
    os.replace(stream.name, path)
