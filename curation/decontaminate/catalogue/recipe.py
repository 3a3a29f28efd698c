"""What a recipe is, and the recipes that midmix ships."""

from __future__ import annotations

import difflib
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import model_validator

from midmix.config.section import Section
from midmix.config.text import Loader
from midmix.errors import ConfigError

FOLDER = Path(__file__).parent
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Choice(Section):
    """An answer that names a choice: field `choice` holds one of the labels, or a number counted from `first`."""

    choice: str
    labels: str | None = None
    first: int = 0


class Literal(Section):
    """Choices as a list that is written as text."""

    literal: str


class Fields(Section):
    """Which field of a row is which part of an item. A field inside a field is named with a dot: choices.text.

    question: one field, or several that are joined with a space. answer: a field, or a choice; where it holds a list,
    each different answer is a line. choices: a field with a list, several fields, or a list written as text.
    """

    question: str | tuple[str, ...]
    answer: str | Choice | None = None
    passage: str | None = None
    choices: str | tuple[str, ...] | Literal | None = None
    id: str | None = None

    @model_validator(mode="after")
    def _choices_to_choose_from(self) -> Fields:
        if isinstance(self.answer, Choice) and self.choices is None:
            raise ValueError("an answer that names a choice needs choices")
        return self


class Recipe(Section):
    """How to fetch one benchmark with the `datasets` library.

    revision: a commit of the dataset, or `main` where none was verified. configs: all are taken; none, the only one.
    files: JSON lines of the dataset that are read in place of its splits. splits: what is looked for; train: splits
    that are fetched on request and kept in the training text. license: as the dataset's card states it, or `unknown`.
    """

    about: str
    dataset: str
    revision: str
    configs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    splits: tuple[str, ...]
    train: tuple[str, ...] = ()
    license: str
    gated: bool = False
    note: str | None = None
    fields: Fields

    @property
    def pinned(self) -> bool:
        """Whether the revision is a commit, so that the same items come every time."""
        return _COMMIT.fullmatch(self.revision) is not None

    @model_validator(mode="after")
    def _revision(self) -> Recipe:
        if not self.pinned and self.revision != "main":
            raise ValueError(f"revision {self.revision!r} is neither a commit nor main")
        if self.files and (self.configs or len(self.splits) != 1 or self.train):
            raise ValueError("files are one split of no config")
        return self


@cache
def recipes() -> dict[str, Recipe]:
    """Name to recipe of every benchmark in the catalogue, in its order: math, code, knowledge, reading."""
    found: dict[str, Recipe] = {}
    for name in ("math", "code", "knowledge", "reading"):
        entries: dict[str, Any] = yaml.load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), Loader)
        found |= {key: Recipe(**entry) for key, entry in entries.items()}
    return found


def recipe(name: str) -> Recipe:
    """The recipe of a benchmark. Raises ConfigError that names the nearest one when there is none."""
    known = recipes()
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    raise ConfigError(f"no benchmark {name!r} in the catalogue{hint} `midmix benchmarks list` names them all")
