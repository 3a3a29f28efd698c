"""Kernels are compiled once for every kind of CPU, not by every rank of an array at the same time."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
from pathlib import Path


def warm_mark() -> Path:
    """The file in the cache of kernels that says that all of them were compiled, as they are now, for this CPU."""
    from midmix import jit

    specs = [importlib.util.find_spec(name) for name in jit.WARM_UP_MODULES]
    files = [Path(spec.origin).resolve() for spec in specs if spec and spec.origin]
    key = hashlib.sha256("".join(jit.cache_key(file) for file in files).encode()).hexdigest()[:16]
    return jit.cache_folder(files[0]).parent / f"warm-{key}"


def warm_up_once() -> None:
    """Compile every kernel where that was not done for this CPU yet; one process at a time does, the others wait.

    The cache is where MIDMIX_CACHE or the user's cache folder says: on a shared file system all nodes of a kind use
    one, else each node its own. Where locks do not reach across nodes, each compiles for itself, which is safe.
    """
    from midmix import jit

    mark = warm_mark()
    if mark.exists():
        return
    with mark.with_suffix(".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            return  # no locks on this file system; kernels are compiled as they are called
        if not mark.exists():
            jit.warm_up()
            mark.touch()
