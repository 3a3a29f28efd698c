"""A small run, and a newcomer beside it that repeats, leaks and brings what the tests know."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import midmix
from midmix.add.figures import Figures
from midmix.add.preview import preview
from midmix.config import load_config
from midmix.demo.tokenizer import train_tokenizer
from midmix.flow import CURATE, steps_between
from midmix.run import Run
from midmix.runner import run_steps

Rows = list[dict[str, Any]]
SAME_PAGE = "https://www.Web.org:443/p9/?session=1#top"


@dataclass(frozen=True)
class Given:
    """Texts of the sources web and wiki, items of the benchmark quiz, and what of it all the newcomer holds."""

    web: list[str]
    wiki: list[str]
    items: Rows
    own: list[str]
    twice: str
    leak: str
    short: tuple[str, ...] = ("too short", "shorter")

    @property
    def new(self) -> list[str]:
        """Own texts, three copies from web, two of wiki with another end, one text twice, a leak, two short ones."""
        near = [words.rpartition(" ")[0] + " otherwise." for words in self.wiki[5:7]]
        return [*self.own, *self.web[1:4], *near, self.twice, self.twice, self.leak, *self.short]


@pytest.fixture(scope="session")
def given() -> Given:
    draw = random.Random(7)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(3, 8))) for _ in range(2000)]

    def text(count: int = 40) -> str:
        return " ".join(draw.choices(words, k=count)).capitalize() + "."

    web = [text() for _ in range(60)]
    items = [{"question": text(30), "answer": f"It is {i} of them."} for i in range(5)]
    leak = f"{text(20)} {items[2]['question']} {text(20)}"
    return Given(web, [web[0], *(text() for _ in range(29))], items, [text() for _ in range(40)], text(), leak)


def rows(texts: list[str], site: str) -> Rows:
    return [{"id": f"{site}-{i}", "url": f"http://{site}/p{i}", "text": t} for i, t in enumerate(texts)]


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory, given: Given) -> Path:
    """The folder of the sources, of configs without and with the newcomer, and of its own files."""
    folder = tmp_path_factory.mktemp("newcomer")
    (folder / "new").mkdir()
    (folder / "elsewhere").mkdir()
    new = rows(given.new, "new.org")
    new[7]["url"] = SAME_PAGE
    pq.write_table(pa.Table.from_pylist(rows(given.web, "web.org")), folder / "web.parquet")
    pq.write_table(
        pa.Table.from_pylist([*new[:20], {"id": "bad", "url": None, "text": None}]), folder / "new/a.parquet"
    )
    write_jsonl(folder / "wiki.jsonl", rows(given.wiki, "wiki.org"))
    write_jsonl(folder / "new/b.jsonl", new[20:])
    write_jsonl(folder / "items.jsonl", given.items)
    train_tokenizer(folder / "tokenizer", given.web)
    sources = {"web": {"path": "web.parquet", "kind": "prose"}, "wiki": {"path": "wiki.jsonl", "kind": "math"}}
    newcomer = {"new": {"path": "new/", "kind": "prose", "license": "cc0"}}
    rest = {
        "rules": {"prose": ["mine"], "math": ["mine"]},
        "rule_sets": {"mine": {"min_chars": "num_chars < 30"}},
        "raters": {"kind": {"train_on": ["web", "wiki"]}},
        "benchmarks": {"quiz": "items.jsonl"},
        "tokenizers": {"main": "tokenizer"},
        "part_bytes": 4096,
    }
    write_yaml(folder / "config.yaml", {"sources": sources, **rest})
    write_yaml(folder / "whole.yaml", {"sources": sources | newcomer, **rest})
    write_yaml(folder / "new.yaml", {"sources": newcomer})
    write_yaml(folder / "first.yaml", {"sources": newcomer, "survivor": ["new", "web"]})
    moved = newcomer["new"] | {"path": "../new/"}
    write_yaml(folder / "elsewhere/new.yaml", {"sources": {"new": moved}})
    return folder


def write_jsonl(path: Path, values: Rows) -> None:
    path.write_text("".join(json.dumps(value) + "\n" for value in values))


def write_yaml(path: Path, value: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(value, sort_keys=False))
    return path


def make_run(config: Path, out: Path) -> Run:
    run_steps(load_config(config), out, steps_between(None, "tokenize"), workers=1, quiet=True)
    return midmix.open(out)


@pytest.fixture(scope="session")
def made(market: Path) -> Path:
    """The run before the newcomer came; tests must not change it (see `base`)."""
    return make_run(market / "config.yaml", market / "made").folder


@pytest.fixture
def base(made: Path, tmp_path: Path, market: Path) -> Iterator[Path]:
    """A copy of that run beside it, which a test may change."""
    copy = Path(shutil.copytree(made, market / tmp_path.name))
    yield copy
    shutil.rmtree(copy)


@pytest.fixture(scope="session")
def whole(market: Path) -> Path:
    return make_run(market / "whole.yaml", market / "whole").folder


@pytest.fixture(scope="session")
def previewed(made: Path, market: Path) -> tuple[Path, Figures]:
    """The newcomer's preview in a copy of the run, which tests must not change (see `with_preview`)."""
    copy = Path(shutil.copytree(made, market / "previewed"))
    return preview(copy, market / "new.yaml", workers=1, quiet=True)


@pytest.fixture
def with_preview(previewed: tuple[Path, Figures], tmp_path: Path, market: Path) -> Iterator[Path]:
    """A copy of the run with its preview, which a test may change."""
    copy = Path(shutil.copytree(previewed[0].parents[1], market / tmp_path.name))
    yield copy
    shutil.rmtree(copy)


@pytest.fixture(scope="session")
def make() -> Callable[[Path, Path], Run]:
    """Run a config to `tokenize` in a folder."""
    return make_run


@pytest.fixture(scope="session")
def files_of() -> Callable[[Path], dict[str, str]]:
    """Hash of every file of a run but those of previews; locks and logs included."""

    def files(folder: Path) -> dict[str, str]:
        found = {str(p.relative_to(folder)): p for p in sorted(folder.rglob("*")) if p.is_file()}
        return {
            n: hashlib.sha256(p.read_bytes()).hexdigest() for n, p in found.items() if not n.startswith("previews/")
        }

    return files


@pytest.fixture(scope="session")
def published() -> Callable[[Path], dict[str, Any]]:
    """Every manifest of curation but that of STEPS, which has a clock; the files are checked against it."""

    def manifests(folder: Path) -> dict[str, Any]:
        found = {}
        for name in sorted({t.name for step in CURATE for t in step.writes} | {"ledger", "drops"}):
            value = json.loads((folder / "tables" / f"{name}.json").read_text())
            for entry in [*value["files"], *value["attached"]]:
                assert hashlib.sha256((folder / entry["path"]).read_bytes()).hexdigest() == entry["sha256"]
            found[name] = value
        return found

    return manifests


@pytest.fixture(scope="session")
def differences(published: Callable[[Path], dict[str, Any]]) -> Callable[[Path, Path], list[str]]:
    """Names of the tables in which two runs differ by a byte."""

    def differing(ours: Path, theirs: Path) -> list[str]:
        mine, other = published(ours), published(theirs)
        return [name for name in other if mine[name] != other[name]]

    return differing


class Killed(BaseException):
    """What no handler of errors catches, as a kill."""


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], object]], bool]:
    """Call a function that dies when it puts its n-th file in place; whether it did."""

    def kill(count: int, call: Callable[[], object]) -> bool:
        replace, numbers = os.replace, itertools.count(1)

        def dying(source: Any, target: Any) -> None:
            if next(numbers) == count:
                raise Killed
            replace(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", dying)
            try:
                call()
            except Killed:
                return True
        return False

    return kill
