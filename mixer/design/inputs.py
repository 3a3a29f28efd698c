"""What the steps of the mixer take from the config and from TOKENS, as arrays over the domains."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from midmix.config import Config, Mixture
from midmix.errors import ConfigError
from midmix.mixer import baselines
from midmix.mixer.design.supply import Supply, caps_of, epochs_by_domain, read_supply, spread_shares
from midmix.mixer.design.web import web_shares
from midmix.mixer.limits import Limits, make_limits
from midmix.mixer.plan.checks import tokens_before
from midmix.mixer.plan.earlier import check_known, declared_earlier
from midmix.mixer.plan.models import EarlierStage
from midmix.mixer.simplex import F64
from midmix.run import Run
from midmix.step import Context
from midmix.table_manifest import load_manifest
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
    _refuse_token_files(config, mixture)
    return {
        "sources": list(config.read_sources),
        "declared": list(config.domains),
        "tokens": mixture.tokens,
        "max_epochs": dict(mixture.max_epochs),
        "spent_epochs": dict(mixture.spent_epochs),
        "minimum": dict(mixture.minimum),
        "frozen": [dict(group) for group in mixture.frozen],
        "baseline": dict(mixture.baseline) if mixture.baseline else None,
        "replay": dict(mixture.replay) if mixture.replay else None,
        "web": dict(mixture.web) if mixture.web else None,
        "earlier": [stage.model_dump(mode="json") for stage in declared_earlier(config)],
        "token_files": list(config.token_files),
        "prose": [name for name, source in config.read_sources.items() if source.kind == "prose"],
    }


def _refuse_token_files(config: Config, mixture: Mixture) -> None:
    """Proxies are trained on the run's own text; a domain of token files has none, so it is in no design."""
    shares = {name: getattr(mixture, name) or {} for name in ("baseline", "replay", "web", "minimum")}
    limits = {name: getattr(mixture, name) for name in ("max_epochs", "spent_epochs")}
    frozen = {f"frozen[{i}]": group for i, group in enumerate(mixture.frozen)}
    targets = {f"targets.{name}": {target.domain: 1.0} for name, target in mixture.targets.items() if target.domain}
    for section, names in (shares | limits | frozen | targets).items():
        for name in names:
            if name in config.token_files and name not in (*config.sources, *config.domains):
                raise ConfigError(
                    f"mixture.{section}: {name!r} are token files, which no proxy is trained on and no optimum weighs: "
                    f"they have no text here. Give them a fixed share in the weights of a stage, their epochs in "
                    f"token_files.{name}.max_epochs, or bring their text in as a source."
                )


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
    max_epochs = np.maximum(max_epochs - _passes_before(settings, supply), 0.0)
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


def _passes_before(settings: dict[str, Any], supply: Supply) -> F64:
    """Passes over each domain [k] that the declared earlier stages made. Raises ConfigError for unknown domains."""
    earlier = [EarlierStage.model_validate(stage) for stage in settings["earlier"]]
    check_known(earlier, [*supply.domains, *settings["token_files"]])
    before = tokens_before(earlier)
    passes: F64 = np.array([before.get(domain, 0) for domain in supply.domains]) / supply.tokens
    return passes
