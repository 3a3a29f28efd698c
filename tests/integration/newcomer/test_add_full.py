"""A newcomer under kills, changes and other wishes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

import midmix
from midmix.add.commit import commit
from midmix.add.figures import Figures
from midmix.add.preview import preview
from midmix.add.previews import discard_named, previews_of
from midmix.errors import ConfigError
from midmix.run import Run
from midmix.status import status_lines

Manifests = Callable[[Path], dict[str, Any]]
Hashes = Callable[[Path], dict[str, str]]
Differences = Callable[[Path, Path], list[str]]
Make = Callable[[Path, Path], Run]
KilledAt = Callable[[int, Callable[[], object]], bool]
Rows = list[dict[str, Any]]


pytestmark = pytest.mark.full


def write_yaml(path: Path, value: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(value, sort_keys=False))
    return path


def write_jsonl(path: Path, values: Rows) -> None:
    path.write_text("".join(json.dumps(value) + "\n" for value in values))


def test_taken_in_without_a_preview(base: Path, market: Path, whole: Path, differences: Differences) -> None:
    commit(base, market / "elsewhere/new.yaml", workers=1, quiet=True)
    assert differences(base, whole) == []


def test_the_documents_that_lose_their_place_are_those_that_it_named(base: Path, market: Path) -> None:
    before = dict(midmix.open(base).sql("SELECT doc, keep FROM decisions").fetchall())
    _, figures = preview(base, market / "first.yaml", workers=1, quiet=True)
    commit(base, market / "first.yaml", workers=1, quiet=True)
    after = dict(midmix.open(base).sql("SELECT doc, keep FROM decisions").fetchall())
    changed = {key for key, keep in before.items() if after[key] != keep}
    assert {f"{key >> 32}:{key & 0xFFFFFFFF}" for key in changed} == {row["doc"] for row in figures.lost_docs}


def test_a_benchmark_may_come_with_it(base: Path, market: Path, given: Any) -> None:
    more = [{"question": given.web[20], "answer": "All of it."}, {"question": given.own[3], "answer": "None of it."}]
    write_jsonl(market / "more.jsonl", more)
    values = yaml.safe_load((market / "new.yaml").read_text()) | {"benchmarks": {"more": "more.jsonl"}}
    _, figures = preview(base, write_yaml(market / "bench.yaml", values), workers=1, quiet=True)
    assert {row["set"] for row in figures.leaks} == {"quiz", "more"}
    assert [(row["source"], row["reason"], row["docs"]) for row in figures.lost] == [("web", "leak.more", 1)]


@pytest.mark.parametrize("count", [*range(1, 41, 4), *range(45, 246, 20)])
def test_killed_at_any_moment(
    with_preview: Path,
    market: Path,
    whole: Path,
    killed_at: KilledAt,
    count: int,
    published: Manifests,
    differences: Differences,
) -> None:
    take_in = partial(commit, with_preview, market / "new.yaml", workers=1, quiet=True)
    killed_at(count, take_in)
    published(with_preview)
    take_in()
    assert differences(with_preview, whole) == []
    assert not (with_preview / "previews").exists()


@pytest.mark.parametrize("step", ["score", "decide"])
def test_a_killed_preview_leaves_the_run_and_goes_on(
    base: Path, market: Path, previewed: tuple[Path, Figures], step: str, files_of: Hashes
) -> None:
    before = files_of(base)
    command = [
        sys.executable,
        "-m",
        "midmix",
        "add",
        str(base),
        str(market / "new.yaml"),
        "--preview",
        "--workers",
        "1",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not _runs(base, step):
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, f"the preview ended before {step} was seen"
    assert files_of(base) == before
    assert "not finished" in status_lines(base)[-1]
    _, figures = preview(base, market / "new.yaml", workers=1, quiet=True)
    assert figures == previewed[1]
    assert files_of(base) == before


def _runs(base: Path, step: str) -> bool:
    for path in (base / "previews").glob("*/state/running.json"):
        try:
            return bool(json.loads(path.read_text())["step"] == step)
        except (OSError, ValueError):
            pass
    return False


def test_previews_replace_one_another_and_can_be_discarded(
    base: Path, market: Path, made: Path, files_of: Hashes
) -> None:
    first, _ = preview(base, market / "new.yaml", workers=1, quiet=True)
    second, _ = preview(base, market / "first.yaml", workers=1, quiet=True)
    assert not first.exists() and [p.folder for p in previews_of(base)] == [second]
    line = status_lines(base)[-1]
    assert line.startswith(f"preview {second.name} of new: finished, ") and line.endswith(" MB")
    with pytest.raises(ConfigError, match="no preview of"):
        discard_named(base, "../data")
    discard_named(base, second.name)
    assert not (base / "previews").exists()
    assert files_of(base) == files_of(made)


def test_a_changed_file_of_the_newcomer_makes_the_preview_anew(base: Path, market: Path, tmp_path: Path) -> None:
    shutil.copytree(market / "new", tmp_path / "new")
    file = write_yaml(tmp_path / "new.yaml", {"sources": {"new": {"path": "new/", "kind": "prose"}}})
    layer, _ = preview(base, file, workers=1, quiet=True)
    write_jsonl(tmp_path / "new/b.jsonl", [{"text": "One line of another text that nobody else has."}])
    again, changed = preview(base, file, workers=1, quiet=True)
    assert again == layer and changed.sources[0]["docs"] == 21
    ids = [part for (part,) in midmix.open(again).sql("SELECT part FROM parts ORDER BY part").fetchall()]
    assert ids == list(range(len(ids)))  # none is used up by what the first preview cut
