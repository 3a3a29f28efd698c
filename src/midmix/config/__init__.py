"""The config of a run: one YAML file, strictly checked; an unknown key is an error that names the nearest known one.

Sections that a later step needs are optional here and asked for with `Config.require`, so that a config of sources
alone runs as far as it can.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from midmix.config.dedup import Dedup
from midmix.config.execution import Execution
from midmix.config.faults import explain, nearest
from midmix.config.fill_in_middle import FillInMiddle
from midmix.config.leaks import Benchmark, Leaks
from midmix.config.mixture import Mixture, Proxy, Retain, Target
from midmix.config.passages import Passages
from midmix.config.raters import Rater, check_rater
from midmix.config.section import KINDS, Kind, Section
from midmix.config.sections import (
    DEFAULT_EDITS,
    Edit,
    Level,
    RuleEntry,
    Scorer,
    Source,
)
from midmix.config.semantic import Semantic
from midmix.config.stages import Earlier, StageSection, TokenFiles, check_chain
from midmix.config.text import assign, read_yaml
from midmix.errors import ConfigError

NAME = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
Trainer = Literal[
    "megatron",
    "olmo-core",
    "hf",
    "mosaicml",
    "litdata",
    "nanotron",
    "levanter",
    "maxtext",
    "torchtitan",
    "materialised",
    "parquet",
]


class Config(Section):
    """The whole config. `base` is the folder that relative paths start from."""

    sources: dict[str, Source] = Field(min_length=1)
    part_bytes: int = Field(default=128 * 2**20, ge=1024)
    seed: int = 1
    memory_mb: int = Field(default=2048, ge=64)
    max_document_mb: int = Field(default=32, ge=1)
    survivor: tuple[str, ...] = ()
    survivor_score: str | None = None
    raters: dict[str, Rater] = {}
    levels: dict[str, Level] = {}
    rules: dict[Kind, tuple[str, ...]] = {}
    rule_sets: dict[str, dict[str, RuleEntry]] = {}
    thresholds: dict[str, float] = {}
    scorers: dict[str, Scorer] = {}
    edits: tuple[Edit, ...] = DEFAULT_EDITS
    dedup: Dedup = Dedup()
    passages: Passages = Passages()
    semantic: Semantic | None = None
    benchmarks: dict[str, Benchmark] = {}
    leaks: Leaks = Leaks()
    tokenizers: dict[Literal["main", "proxy"], str] = {}
    fim: dict[Literal["main", "proxy"], FillInMiddle] = {}
    separators: dict[Literal["main", "proxy"], str] = {}
    heldout_fraction: float = Field(default=0.02, gt=0, lt=0.5)
    shard_tokens: int = Field(default=100_000_000, ge=1)
    checkpoint: str | None = None
    proxy: Proxy | None = None
    domains: dict[str, str] = {}
    mixture: Mixture | None = None
    length_buckets: dict[str, int] = {}
    earlier: tuple[Earlier, ...] = ()
    token_files: dict[str, TokenFiles] = {}
    stages: tuple[StageSection, ...] = ()
    export: tuple[Trainer, ...] = ("megatron", "olmo-core", "hf")
    execution: Execution = Execution()
    _base: Path = PrivateAttr(default_factory=Path.cwd)

    @model_validator(mode="after")
    def _names(self) -> Config:
        named: dict[str, Iterable[str]] = {
            "sources": self.sources,
            "domains": self.domains,
            "token_files": self.token_files,
            "length_buckets": self.length_buckets,
            "benchmarks": self.benchmarks,
            "rule_sets": self.rule_sets,
            "scorers": self.scorers,
            "dedup.against": self.dedup.against,
            **{f"rule_sets.{name}": rules for name, rules in self.rule_sets.items()},
        }
        if self.mixture:
            named |= {"mixture.targets": self.mixture.targets, "mixture.retain": self.mixture.retain}
        for section, names in named.items():
            for name in names:
                if not re.fullmatch(NAME, name) or name.isdecimal():
                    raise ValueError(
                        f"{section}: {name!r} is no name; use a-z, 0-9, '_', '.', '-', and not digits alone"
                    )
        for field, names_used in (
            ("survivor", self.survivor),
            *((f"raters.{name}", rater.sources) for name, rater in self.raters.items()),
            *((f"levels.{name}", level.train_on) for name, level in self.levels.items()),
        ):
            for name in names_used:
                if name not in self.sources:
                    raise ValueError(f"{field}: no source {name!r}{nearest(name, self.sources)}")
        for name, rater in self.raters.items():
            check_rater(name, rater)
        if clash := set(self.token_files) & {*self.domains, *self.sources}:
            raise ValueError(f"token_files: {sorted(clash)[0]!r} is a source or domain too; give it a name of its own")
        clash = set(self.domains) & set(self.sources)
        if clash:
            raise ValueError(f"domains: {sorted(clash)[0]!r} is a source; what no domain takes is its source's domain")
        if self.separators and all(source.group is None for source in self.sources.values()):
            raise ValueError(
                "separators: stand between documents of a group, and no source has a 'group'; add it there"
            )
        self._refuse_shared_names()
        check_chain(self.stages, self.earlier, self.length_buckets)
        domains = (*self.domains, *self.sources)
        for name, target in self.mixture.targets.items() if self.mixture else ():
            if target.domain is not None and target.domain not in domains:
                raise ValueError(
                    f"mixture.targets.{name}: no domain {target.domain!r}{nearest(target.domain, domains)}"
                )
        return self

    def _refuse_shared_names(self) -> None:
        targets = {n for n, t in self.mixture.targets.items() if t.set is not None} if self.mixture else set()
        names = [*self.benchmarks, *targets, *(self.mixture.retain if self.mixture else ())]
        if len(set(names)) != len(names):
            raise ValueError("benchmarks, targets and retain share a name; every evaluation set needs its own")

    @property
    def base(self) -> Path:
        """The folder of the config file."""
        return self._base

    @property
    def read_sources(self) -> dict[str, Source]:
        """The sources whose text is read: those that are not forgotten."""
        return {name: source for name, source in self.sources.items() if not source.forgotten}

    @property
    def survivor_order(self) -> tuple[str, ...]:
        """Every source that is read, first keeper first: the declared ones, then the others in the config's order."""
        sources = self.read_sources
        return tuple(dict.fromkeys([*(name for name in self.survivor if name in sources), *sources]))

    @property
    def evaluation_sets(self) -> dict[str, tuple[str, str]]:
        """Name to (role, path) of every benchmark and evaluation set: what training text must not hold."""
        sets = {name: ("benchmark", b.path) for name, b in self.benchmarks.items()}
        if self.mixture:
            sets |= {name: ("target", t.set) for name, t in self.mixture.targets.items() if t.set is not None}
            sets |= {name: ("retain", r.set) for name, r in self.mixture.retain.items()}
        return sets

    def require(self, field: str, step: str) -> Any:
        """The section `field`. Raises ConfigError when the config lacks it."""
        value = getattr(self, field)
        if not value:
            raise ConfigError(
                f"config: no '{field}', which the step '{step}' needs. "
                f"Add it (`midmix init` writes a commented example), or stop before with --until."
            )
        return value

    def resolve(self, path: str) -> str:
        """An absolute path, or the URL itself."""
        return path if "://" in path else os.path.normpath(self._base / path)


def parse_config(values: Any, *, base: Path, name: str = "config") -> Config:
    """A checked config from plain values. Raises ConfigError that lists every fault."""
    if not isinstance(values, dict):
        raise ConfigError(
            f"{name}: got {type(values).__name__}, expected a mapping with 'sources'. `midmix init` writes one."
        )
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(explain(Config, e, name) for e in error.errors())) from None
    config._base = base
    return config


def load_config(path: Path, assignments: tuple[str, ...] = ()) -> Config:
    """The config at `path` with `key=value` assignments applied. Raises ConfigError."""
    values = read_yaml(path)
    if isinstance(values, dict):
        for assignment in assignments:
            assign(values, assignment)
    return parse_config(values, base=path.resolve().parent, name=path.name)


__all__ = [
    "DEFAULT_EDITS",
    "KINDS",
    "Benchmark",
    "Config",
    "Dedup",
    "Earlier",
    "Edit",
    "Execution",
    "Kind",
    "Leaks",
    "Level",
    "Mixture",
    "Passages",
    "Proxy",
    "Retain",
    "RuleEntry",
    "Scorer",
    "Semantic",
    "Source",
    "StageSection",
    "Target",
    "TokenFiles",
    "load_config",
    "nearest",
    "parse_config",
]
