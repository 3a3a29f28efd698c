"""A small demo corpus, made once for all tests of whole runs."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from midmix.demo.corpus import write_demo


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
