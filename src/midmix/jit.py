"""numba's compiler with a cache that cannot go stale.

numba keys its cache by the one file that holds a kernel: an edited helper in another file, or a changed global,
leaves the cached caller stale, and a cut-off cache file raises instead of compiling again (both measured). So a
kernel's cache folder is named after the hash of its file and of all files that it imports from, numba, Python and the
CPU, and an entry that cannot be read is compiled again. Only modules with kernels import this one, since numba takes
half a second to import.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import multiprocessing
import os
import platform
import re
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core.caching import FunctionCache

WARM_UP_MODULES = (
    "midmix.curation.score.warm_up",  # the longest first
    "midmix.curation.clean",
    "midmix.curation.classify.warm_up",
    "midmix.curation.dedup.warm_up",
    "midmix.curation.passages.warm_up",
    "midmix.curation.decontaminate.warm_up",
    "midmix.curation.decide.warm_up",
    "midmix.curation.tokenize.bpe.warm_up",
    "midmix.curation.tokenize.entries",
    "midmix.kernels.warm_up",
    "midmix.mixer.plan.best_fit",
    "midmix.mixer.exposure.blend",
)


_FOLDERS = ("curation", "kernels", "mixer", "proxy_train")
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(midmix[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+(midmix[\w.]*))", re.M
)


@functools.cache
def _imports(path: Path) -> tuple[Path, ...]:
    """Files of the product's parts that a file imports from; what the parts share holds no kernels."""
    names: set[str] = set()
    for module, listed, plain in _IMPORT.findall(path.read_text(encoding="utf-8")):
        names.add(module or plain)
        names |= {f"{module}.{name}" for name in re.findall(r"\w+", listed)}
    root = Path(__file__).parent
    found = []
    for name in sorted(names):
        parts = name.split(".")[1:]
        if parts and parts[0] in _FOLDERS:
            file = root.joinpath(*parts)
            found += [f for f in (file.with_suffix(".py"), file / "__init__.py") if f.is_file()]
    return tuple(found)


def kernel_sources(path: Path) -> list[Path]:
    """A file with kernels and every file that it imports from, however far, in order."""
    known: set[Path] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file not in known:
            known.add(file)
            waiting += _imports(file)
    return sorted(known)


@functools.cache
def cache_key(path: Path) -> str:
    """Sixteen hexadecimal digits that change whenever the compiled kernels of a file may."""
    digest = hashlib.sha256()
    for file in [Path(__file__), *kernel_sources(path)]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    cpu = f"{llvm.get_host_cpu_name()}:{llvm.get_host_cpu_features().flatten()}"
    digest.update(f"{numba.__version__}|{sys.version}|{platform.machine()}|{cpu}".encode())
    return digest.hexdigest()[:16]


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@functools.cache
def cache_folder(path: Path) -> Path:
    """Where compiled kernels of a file lie: in the user's cache folder, or a temporary one where that is not writable."""
    base = os.environ.get("MIDMIX_CACHE") or os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "midmix" / cache_key(path)
    if not _writable(folder):
        folder = Path(tempfile.gettempdir()) / f"midmix-{os.getuid()}" / cache_key(path)
        folder.mkdir(parents=True, exist_ok=True)
    return folder


class _Cache(FunctionCache):
    """numba's own cache of one function, which compiles again where an entry cannot be read."""

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(signature, target_context)  # type: ignore[no-untyped-call]
        except Exception:  # whatever unpickling a cut-off or foreign file raises
            self.flush()  # type: ignore[no-untyped-call]
            return None


def njit(function: Any = None, **options: Any) -> Any:
    """Decorate a kernel: `numba.njit` with our cache and without the global lock; signatures come from calls.

    `fastmath` and `parallel` are refused: their results change with the CPU and the number of threads.
    """
    forbidden = sorted({"fastmath", "parallel", "cache"} & options.keys())
    if forbidden:
        raise TypeError(f"got {', '.join(forbidden)}, which would make results depend on the machine; leave it out")
    if function is None:
        return functools.partial(njit, **options)
    numba.config.CACHE_DIR = str(cache_folder(Path(function.__code__.co_filename)))  # type: ignore[attr-defined]
    dispatcher = numba.njit(nogil=True, **options)(function)
    dispatcher._cache = _Cache(function)  # type: ignore[no-untyped-call]
    return dispatcher


def warm_up() -> None:
    """Compile every kernel once, so that worker processes load instead of compiling."""
    for name in WARM_UP_MODULES:
        _warm_up(name)


def _warm_up(name: str) -> None:
    importlib.import_module(name).warm_up()


if __name__ == "__main__":
    # Half of 150 s are one module's, so two processes halve the wait, and what few kernels modules share costs little.
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as processes:
        list(processes.map(_warm_up, WARM_UP_MODULES))
