"""A small demo corpus, made once for all tests of whole runs."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

import midmix
from midmix.demo.corpus import write_demo
from midmix.table_manifest import load_manifest, publish
from midmix.tables import ARTEFACTS


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo corpus at its smallest useful size; tests must not change it (see `own_corpus`)."""
    folder = tmp_path_factory.mktemp("demo") / "corpus"
    folder.mkdir()
    write_demo(folder, megabytes=4)
    return folder


@pytest.fixture
def own_corpus(corpus: Path, tmp_path: Path) -> Path:
    """A copy of the corpus that a test may change."""
    return Path(shutil.copytree(corpus, tmp_path / "corpus"))


def _write_config(corpus: Path, name: str = "test.yaml", sources: tuple[str, ...] = (), **changes: Any) -> Path:
    """The demo's config with some sources only, and with changed sections; None removes one."""
    values = yaml.safe_load((corpus / "config.yaml").read_text())
    if sources:
        values["sources"] = {s: values["sources"][s] for s in sources}
        values["survivor"] = [s for s in ("proofs", "repos", "crawl", "chats", "problems") if s in sources]
        values["raters"] = {
            "kind": {"train_on": ["crawl", "repos", "proofs"]},
            "quality": {"positive": ["proofs"], "negative": ["crawl"]},
        }
    for key, value in changes.items():
        if value is None:
            values.pop(key, None)
        elif isinstance(value, dict) and isinstance(values.get(key), dict):
            values[key] = values[key] | value
        else:
            values[key] = value
    path = corpus / name
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


@pytest.fixture(scope="session")
def write_config() -> Callable[..., Path]:
    """See `_write_config`."""
    return _write_config


def _with_artefacts_of(run: Path, folder: Path) -> Path:
    """A run folder that holds the frozen artefacts of another and nothing else."""
    manifest = load_manifest(run, ARTEFACTS.name)
    for path in [*(f.path for f in manifest.files), *(a.path for a in manifest.attached)]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(run / path, folder / path)
    publish(folder, manifest)
    (folder / "state").mkdir()
    (folder / "state" / "lock").touch()
    return folder


@pytest.fixture(scope="session")
def with_artefacts_of() -> Callable[[Path, Path], Path]:
    """See `_with_artefacts_of`."""
    return _with_artefacts_of


def _by_place(run: Path, view: str, *columns: str) -> pl.DataFrame:
    """Rows of a view by (source, path, row) in the place of keys; all other columns, or those named."""
    query = f"SELECT d.source, d.path, d.row, t.* EXCLUDE (doc) FROM {view} t JOIN documents d USING (doc) ORDER BY ALL"
    found = midmix.open(run).sql(query).pl()
    return found.select("source", "path", "row", *columns) if columns else found


@pytest.fixture(scope="session")
def by_place() -> Callable[..., pl.DataFrame]:
    """See `_by_place`."""
    return _by_place
