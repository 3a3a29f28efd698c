"""What is shipped: the wheel's contents, the four lists that must agree, a quick command line, quiet imports."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

FOLDERS = ("curation", "kernels", "mixer", "proxy_train")


@pytest.fixture(scope="module")
def build_settings(repository: Path) -> dict[str, Any]:
    """`tool.hatch.build` of pyproject.toml."""
    settings: dict[str, Any] = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    return settings


def copy_checkout(repository: Path, destination: Path) -> None:
    """Copy what git would commit, links as links; the whole tree less caches where there is no git checkout."""
    listing = ["git", "-C", str(repository), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(listing, check=False, capture_output=True) if (repository / ".git").exists() else None
    if answer is None or answer.returncode:
        ignored = shutil.ignore_patterns(".*", "__pycache__", "demo-run", "dist", "build")
        shutil.copytree(repository, destination, symlinks=True, ignore=ignored)
        return
    for name in filter(None, answer.stdout.decode().split("\0")):
        source, target = repository / name, destination / name
        if source.is_symlink() or source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)


@pytest.fixture(scope="module")
def wheel_files(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """Path -> bytes of every file in the wheel that a clean checkout gives, by way of its sdist."""
    checkout = tmp_path_factory.mktemp("build") / "checkout"
    copy_checkout(repository, checkout)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(checkout / "dist"), str(checkout)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (checkout / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_wheel_has_midmix_and_nothing_else_at_top_level(wheel_files: Mapping[str, bytes]) -> None:
    tops = {name.split("/")[0] for name in wheel_files}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"midmix"}
    assert len(tops) == 2


def test_wheel_has_every_module_of_the_four_parts_and_of_the_shared_one(
    wheel_files: Mapping[str, bytes], repository: Path
) -> None:
    expected = {f"midmix/{path.relative_to(repository)}" for folder in FOLDERS for path in modules(repository / folder)}
    shared = repository / "src" / "midmix"
    expected |= {f"midmix/{path.relative_to(shared)}" for path in modules(shared) if not through_link(path, shared)}
    assert {name for name in wheel_files if name.endswith(".py")} == expected
    for folder in FOLDERS:
        assert any(name.startswith(f"midmix/{folder}/") for name in wheel_files), f"no file of {folder} in the wheel"


def test_wheel_has_type_marker_templates_and_licence(wheel_files: Mapping[str, bytes], repository: Path) -> None:
    assert "midmix/py.typed" in wheel_files
    for template in (repository / "src" / "midmix").rglob("*.j2"):
        name = f"midmix/{template.relative_to(repository / 'src' / 'midmix')}"
        assert wheel_files[name] == template.read_bytes()
    assert any(name.endswith("licenses/LICENSE") for name in wheel_files)
    assert not [name for name in wheel_files if name.endswith((".pyc", "README.md"))]


def modules(folder: Path) -> list[Path]:
    """Every Python file below a folder, caches left out."""
    return [path for path in folder.rglob("*.py") if "__pycache__" not in path.parts]


def through_link(path: Path, root: Path) -> bool:
    """Whether one of the folders between `root` and `path` is a link."""
    return any(parent.is_symlink() for parent in path.parents if root in parent.parents)


def test_four_lists_agree(build_settings: dict[str, Any], repository: Path) -> None:
    shared = repository / "src" / "midmix"
    links = {path.name: path for path in shared.iterdir() if path.is_symlink()}
    assert sorted(links) == sorted(FOLDERS)
    for name, link in links.items():
        assert link.readlink() == Path("..", "..", name)
        assert link.resolve() == (repository / name).resolve()
    assert sorted(build_settings["only-include"]) == sorted(["src/midmix", *FOLDERS])
    assert {name for name in build_settings["exclude"] if name.startswith("src/")} == {
        f"src/midmix/{name}" for name in FOLDERS
    }
    expected = {"src/midmix": "midmix"} | {name: f"midmix/{name}" for name in FOLDERS}
    assert build_settings["targets"]["wheel"]["sources"] == expected


def test_kernels_is_no_package(repository: Path) -> None:
    # a root package named kernels shadows Hugging Face's and breaks transformers
    assert (repository / "kernels").is_dir()
    assert not (repository / "kernels" / "__init__.py").exists()


def test_every_dependency_is_pinned_exactly_and_by_name_alone(repository: Path) -> None:
    lines = [line for line in (repository / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pins = dict(line.split("==") for line in lines)
    assert all("+" not in pin and ":" not in pin and pin for pin in pins.values())
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    normal = {name.lower().replace("_", "-") for name in pins}
    for requirement in wanted:
        name = requirement.split(">")[0].split("=")[0].split("<")[0].strip()
        assert name.lower().replace("_", "-") in normal, f"constraints.txt does not pin {name}"
    assert pins["torch"] == "2.13.0"


HELP = """
import sys, time
from midmix.cli import main
sys.argv = ["midmix", "--help"]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
heavy = [name for name in ("torch", "numba", "transformers", "sklearn", "scipy") if name in sys.modules]
print("\\n" + repr([time.process_time(), heavy]).replace("'", '"'))
"""


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    answers = [
        subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True) for _ in range(3)
    ]
    measured = [json.loads(answer.stdout.strip().splitlines()[-1]) for answer in answers]
    assert measured[0][1] == []
    assert min(seconds for seconds, _ in measured) < 0.8
    for command in ("run", "curate", "mix", "export", "sql", "db", "explain", "sample", "status", "report", "demo"):
        assert command in answers[0].stdout


IMPORT_ALL = """
import importlib, logging, multiprocessing, random, socket, sys
import numpy as np
def refuse(*arguments, **named): raise RuntimeError("network at import")
socket.socket.connect = socket.getaddrinfo = refuse
before = (repr(np.random.get_state()), random.getstate())
for name in sys.argv[1:]:
    importlib.import_module(name)
assert logging.root.handlers == [] and logging.root.level == logging.WARNING, "logging was set up"
assert multiprocessing.get_start_method(allow_none=True) is None, "a start method was set"
assert (repr(np.random.get_state()), random.getstate()) == before, "a global generator was touched"
"""


def test_importing_every_module_has_no_side_effects(repository: Path) -> None:
    shared = repository / "src" / "midmix"
    found = [path.relative_to(shared) for path in modules(shared) if not through_link(path, shared)]
    found += [path.relative_to(repository) for folder in FOLDERS for path in modules(repository / folder)]
    found = [path for path in found if path.stem != "__main__"]
    names = sorted(".".join(("midmix", *path.with_suffix("").parts)).removesuffix(".__init__") for path in found)
    assert len(names) > 20
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL, *names], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
