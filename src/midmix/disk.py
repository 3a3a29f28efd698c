"""Files on disk: written whole or not at all, hashed, and compared with what was written."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def has_size(path: Path, num_bytes: int) -> bool:
    """Whether there is a file of that size: what a full disk or a crash of the machine cuts off is shorter."""
    try:
        return path.stat().st_size == num_bytes
    except OSError:
        return False


def scratch_file(scratch: Path, suffix: str = "") -> Path:
    """A path for a file that does not exist yet, in the run's scratch folder, which several machines may share."""
    scratch.mkdir(parents=True, exist_ok=True)
    return scratch / f"{uuid.uuid4().hex}{suffix}"


def write_atomically(path: Path, write: Callable[[Path], object], *, scratch: Path) -> None:
    """Let `write` fill a scratch file, then put it in place in one step, safe against a crash at any moment."""
    temporary = scratch_file(scratch, path.suffix)
    write(temporary)
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    path.parent.mkdir(parents=True, exist_ok=True)
    os.replace(temporary, path)


def write_json(path: Path, value: object, *, scratch: Path, sort_keys: bool = True) -> None:
    """`value` as JSON, atomically; canonical where keys are sorted, which those whose order counts are not."""
    text = json.dumps(value, indent=1, sort_keys=sort_keys, ensure_ascii=False) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"), scratch=scratch)
