"""Rules of the code that no linter states: who may import whom, and what would make results depend on the machine."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("curation", "mixer", "proxy_train")
PRODUCT = (*PARTS, "kernels", "src/midmix")


def sources(*folders: str) -> list[Path]:
    """Python files below the folders, each once: links are not followed."""
    found = {path.resolve() for folder in folders for path in (ROOT / folder).rglob("*.py")}
    inside = {path for path in found if any((ROOT / folder).resolve() in path.parents for folder in folders)}
    return sorted(path for path in inside if "__pycache__" not in path.parts)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import, those inside functions included; `from a import b` gives a.b."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{prefix}.{alias.name}") for alias in node.names)


def where(path: Path, line: int) -> str:
    """file:line, relative to the repository."""
    return f"{path.relative_to(ROOT)}:{line}"


def within(module: str, package: str) -> bool:
    """Whether a module is the package or lies in it."""
    return module == package or module.startswith(package + ".")


@pytest.mark.parametrize("part", PARTS)
def test_parts_meet_only_in_the_tables(part: str) -> None:
    faces = [f"midmix.{name}" for name in ("cli", "demo", "docs", "explain", "report", "runner")]
    others = [f"midmix.{other}" for other in PARTS if other != part] + faces
    wrong = [
        f"{where(path, line)} imports {module}"
        for path in sources(part)
        for line, module in imports(path)
        if any(within(module, other) for other in others)
    ]
    assert wrong == []


def test_kernels_is_a_leaf() -> None:
    wrong = [
        f"{where(path, line)} imports {module}"
        for path in sources("kernels")
        for line, module in imports(path)
        if within(module, "midmix")
        # what all parts compile with; it imports nothing of theirs
        and not any(within(module, name) for name in ("midmix.kernels", "midmix.jit"))
    ]
    assert wrong == []


def test_imports_are_absolute_and_by_the_import_name() -> None:
    wrong = [
        f"{where(path, line)} imports {module}"
        for path in sources(*PRODUCT, "tests", "benchmarks")
        for line, module in imports(path)
        if module.startswith(".") or any(within(module, name) for name in (*PARTS, "kernels"))
    ]
    assert wrong == []


def test_contracts_of_the_import_linter_hold() -> None:
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert command, "lint-imports is not installed beside this Python"
    done = subprocess.run([command, "--no-cache"], check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_are_named_after_what_they_own() -> None:
    vague = {"utils", "util", "common", "helpers", "helper", "misc"}
    assert [where(path, 1) for path in sources(*PRODUCT) if path.stem in vague] == []


# Writes calls for the ranks of a run and reads them there, as a process pool does through its pipes; never an input.
JOB_FILES = ROOT / "src/midmix/execution/batch.py"
UNSAFE_MODULES = ("pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve")
# RandomState too: orders that Megatron draws from it can be replayed by nothing else.
SEEDED = {"default_rng", "Generator", "PCG64", "RandomState", "SeedSequence", "BitGenerator"}


def offences(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, what) of everything in a module that is unsafe, or makes results depend on machine or chance."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in {"fastmath", "parallel"} and constant(node.value) is True:
            yield node.value.lineno, f"{node.arg}=True"
        elif isinstance(node, ast.Call):
            yield from call_offences(node)
        elif isinstance(node, ast.Attribute) and global_generator(node):
            yield node.lineno, f"np.random.{node.attr}: the global generator"


def global_generator(node: ast.Attribute) -> bool:
    """Whether it is a function of numpy's global generator."""
    return ast.unparse(node.value) in {"np.random", "numpy.random"} and node.attr not in SEEDED


def call_offences(node: ast.Call) -> Iterator[tuple[int, str]]:
    """Offences of one call."""
    keywords = {keyword.arg: constant(keyword.value) for keyword in node.keywords}
    name = node.func.id if isinstance(node.func, ast.Name) else None
    if name in {"eval", "exec", "hash"}:
        yield node.lineno, f"{name}()"
    if isinstance(node.func, ast.Attribute) and node.func.attr == "unique" and keywords.get("keep") == "any":
        yield node.lineno, 'unique(keep="any")'
    if keywords.get("shell") is True:
        yield node.lineno, "shell=True"


def constant(node: ast.expr) -> object:
    """The value of a literal, None for anything else."""
    return node.value if isinstance(node, ast.Constant) else None


def test_nothing_makes_results_depend_on_machine_or_chance() -> None:
    wrong = [
        f"{where(path, line)} {what}"
        for path in sources(*PRODUCT)
        for line, what in offences(ast.parse(path.read_text(encoding="utf-8")))
    ]
    wrong += [
        f"{where(path, line)} imports {module}"
        for path in sources(*PRODUCT)
        for line, module in imports(path)
        if any(within(module, unsafe) for unsafe in UNSAFE_MODULES) and path != JOB_FILES
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "code",
    [
        "njit(fastmath=True)",
        "njit(parallel=True)",
        "eval(text)",
        "hash(text)",
        'frame.unique(keep="any")',
        "np.random.seed(1)",
        "subprocess.run(text, shell=True)",
    ],
)
def test_offences_are_seen(code: str) -> None:
    assert len(list(offences(ast.parse(code)))) == 1


def test_no_path_of_a_machine_and_no_registry_host() -> None:
    pattern = re.compile(r"/(root|home|work)/\w|/tmp/\w+/v/|--(extra-)?index-url|find-links|pypi\.org/simple")
    texts = [
        path
        for pattern_ in ("*.toml", "*.txt", "*.md", "*.yaml", "Makefile", ".ci/run")
        for path in ROOT.glob(pattern_)
    ]
    for folder in (*PRODUCT, "configs", "docs", "benchmarks"):
        texts += [
            path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".md", ".yaml", ".json", ".csv"}
        ]
    wrong = [
        f"{where(path, number)} {line.strip()}"
        for path in sorted(set(texts))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert wrong == []
