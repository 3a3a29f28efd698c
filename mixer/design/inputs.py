"""What the steps of the mixer take from the config and from TOKENS, as arrays over the domains."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from midmix.artifact import load_manifest
from midmix.config import Config
from midmix.errors import ConfigError
from midmix.mixer import baselines
from midmix.mixer.design.supply import Supply, caps_of, epochs_by_domain, read_supply, spread_shares
from midmix.mixer.design.web import web_shares
from midmix.mixer.limits import Limits, make_limits
from midmix.mixer.simplex import F64
from midmix.run import Run
from midmix.step import Context
from midmix.tables import PARTS, TOKENS
from midmix.task import Task


@dataclass(frozen=True)
class MixtureInputs:
    """Supply and epochs allowed; natural mixture, baseline, replay and web alone as weights [k]; what shares are allowed."""

    supply: Supply
    total_tokens: int
    max_epochs: F64
    limits: Limits
    baseline: F64 | None
    replay: F64 | None
    web: F64 | None = None

    @property
    def caps(self) -> F64:
        """Largest share of each domain [k], frozen groups included."""
        return self.limits.domain_high

    @property
    def natural(self) -> F64:
        """Shares of the tokens at hand [k]."""
        return baselines.natural(self.supply.tokens)


def mixture_settings(context: Context) -> dict[str, Any]:
    """The config's part of the inputs, as JSON. Raises ConfigError when a section is missing."""
    return settings_of(context.config, context.step)


def settings_of(config: Config, step: str) -> dict[str, Any]:
    """The same, for `step`."""
    mixture = config.require("mixture", step)
    if mixture.retain and not mixture.replay:
        raise ConfigError(
            "config: mixture.retain bounds the rise against training on replay alone, but there is no mixture.replay. "
            "Add what the checkpoint was trained on, such as replay: {crawl: 0.8, repos: 0.2}."
        )
    return {
        "sources": list(config.sources),
        "declared": list(config.domains),
        "tokens": mixture.tokens,
        "max_epochs": dict(mixture.max_epochs),
        "spent_epochs": dict(mixture.spent_epochs),
        "minimum": dict(mixture.minimum),
        "frozen": [dict(group) for group in mixture.frozen],
        "baseline": dict(mixture.baseline) if mixture.baseline else None,
        "replay": dict(mixture.replay) if mixture.replay else None,
        "web": dict(mixture.web) if mixture.web else None,
        "prose": [name for name, source in config.sources.items() if source.kind == "prose"],
    }


def read_inputs(task: Task) -> MixtureInputs:
    """The inputs of a task that reads TOKENS and PARTS and whose settings hold `mixture_settings`. Raises ConfigError."""
    return inputs_from(task.settings["mixture"], task.inputs["parts"], task.inputs["tokens"])


def inputs_of(run: Run, step: str) -> MixtureInputs:
    """The inputs that a run has now. Raises ConfigError when its config lacks a section, InputError without tokens."""
    parts, tokens = (load_manifest(run.folder, table.name).paths(run.folder) for table in (PARTS, TOKENS))
    return inputs_from(settings_of(run.config, step), parts, tokens)


def inputs_from(settings: dict[str, Any], part_files: Iterable[Path], token_files: Iterable[Path]) -> MixtureInputs:
    """The inputs by `settings_of` and the files of PARTS and TOKENS. Raises ConfigError."""
    source_of_part: dict[int, str] = {}
    for path in part_files:
        parts = pq.read_table(path, columns=["part", "source"])
        source_of_part.update(zip(parts["part"].to_pylist(), parts["source"].to_pylist(), strict=True))
    supply = read_supply(token_files, source_of_part, settings["sources"])
    declared = settings["declared"]
    max_epochs = epochs_by_domain(settings["max_epochs"], settings["spent_epochs"], supply, declared)
    shares = {
        name: spread_shares(settings[name], supply, declared, f"mixture.{name}") if settings[name] else None
        for name in ("baseline", "replay", "web")
    }
    caps = caps_of(supply, max_epochs, settings["tokens"])
    limits = make_limits(supply.domains, caps, settings["minimum"], settings["frozen"])
    web = shares["web"]
    if web is None:
        web = web_shares(supply, settings["prose"], (shares["replay"], shares["baseline"]))
    return MixtureInputs(supply, settings["tokens"], max_epochs, limits, shares["baseline"], shares["replay"], web)
