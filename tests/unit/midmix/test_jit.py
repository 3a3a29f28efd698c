"""What a compiled kernel is named after: its own file and all that it imports from, and nothing else."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest
from numba.core.dispatcher import Dispatcher

from midmix import jit
from midmix.curation.score import characters, segments


def own(module: object) -> Path:
    """The file of a module, as imports name it."""
    return Path(str(module.__file__))  # type: ignore[attr-defined]


def test_sources_are_those_that_a_file_imports_from_however_far() -> None:
    names = [path.name for path in jit.kernel_sources(own(segments))]
    assert "segments.py" in names and "characters.py" in names and "clean.py" in names
    assert "verify.py" not in names
    assert jit.kernel_sources(own(characters)) == [own(characters)]


def test_a_changed_import_changes_the_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    helper, kernel, other = (tmp_path / f"{name}.py" for name in ("helper", "kernel", "other"))
    for path in (helper, kernel, other):
        path.write_text("")
    monkeypatch.setattr(jit, "_imports", lambda path: (helper,) if path == kernel else ())

    def keys() -> list[str]:
        jit.cache_key.cache_clear()
        return [jit.cache_key(path) for path in (helper, kernel, other)]

    before = keys()
    helper.write_text("x = 1")
    assert [a == b for a, b in zip(before, keys(), strict=True)] == [False, False, True]
    jit.cache_key.cache_clear()


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("from midmix.curation.score import characters, phrases\n", "characters.py"),
        ("from midmix.curation.score.characters import (\n    SPACE,\n)\n", "characters.py"),
        ("    from midmix.curation.score.characters import SPACE\n", "characters.py"),
        ("import midmix.curation.score.characters\n", "characters.py"),
    ],
)
def test_every_form_of_import_is_seen(line: str, module: str, tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text(line)
    assert module in [found.name for found in jit._imports(path)]


def test_what_would_change_results_is_refused() -> None:
    with pytest.raises(TypeError, match="fastmath"):
        jit.njit(fastmath=True)


def kernels() -> dict[str, Dispatcher]:
    """Every kernel of the product by its module and name."""
    found = {}
    root = Path(jit.__file__).parent
    for path in sorted(
        path for folder in ("curation", "kernels", "mixer", "proxy_train") for path in (root / folder).rglob("*.py")
    ):
        if "import njit" in path.read_text(encoding="utf-8"):
            module = importlib.import_module(".".join(("midmix", *path.relative_to(root).with_suffix("").parts)))
            own = {
                n: v
                for n, v in vars(module).items()
                if isinstance(v, Dispatcher) and v.py_func.__module__ == module.__name__
            }
            found |= {f"{module.__name__}.{name}": kernel for name, kernel in own.items()}
    return found


def called_by(kernel: Dispatcher) -> Iterator[Dispatcher]:
    """Kernels that a kernel calls."""
    codes = [kernel.py_func.__code__]
    while codes:
        code = codes.pop()
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        for name in code.co_names:
            if isinstance(called := kernel.py_func.__globals__.get(name), Dispatcher):
                yield called


def never_warmed_up() -> list[str]:
    """Kernels that neither a warm-up calls nor a kernel that one calls, in a process that has called none before."""
    found = kernels()
    jit.warm_up()
    reached: list[Dispatcher] = []
    waiting = [kernel for kernel in found.values() if kernel.signatures]
    while waiting:
        if (kernel := waiting.pop()) not in reached:
            reached.append(kernel)
            waiting += called_by(kernel)
    return [name for name, kernel in found.items() if kernel not in reached]


def test_warming_up_reaches_every_kernel() -> None:
    """One that is left out is compiled by the first to need it, amid the work: seconds, in every worker."""
    found = subprocess.run([sys.executable, __file__], check=False, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, ""), found.stderr


if __name__ == "__main__":
    sys.stdout.write("\n".join(never_warmed_up()))
