"""What the steps of the mixer take from the config and from TOKENS, as arrays over the domains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from midmix.errors import ConfigError
from midmix.mixer import baselines
from midmix.mixer.design.supply import Supply, caps_of, epochs_by_domain, read_supply, spread_shares
from midmix.mixer.simplex import F64
from midmix.step import Context
from midmix.task import Task


@dataclass(frozen=True)
class MixtureInputs:
    """Supply and epochs allowed; caps, natural mixture, baseline and replay as weights [k]."""

    supply: Supply
    total_tokens: int
    max_epochs: F64
    caps: F64
    baseline: F64 | None
    replay: F64 | None

    @property
    def natural(self) -> F64:
        """Shares of the tokens at hand [k]."""
        return baselines.natural(self.supply.tokens)


def mixture_settings(context: Context) -> dict[str, Any]:
    """The config's part of the inputs, as JSON. Raises ConfigError when a section is missing."""
    mixture = context.config.require("mixture", context.step)
    if mixture.retain and not mixture.replay:
        raise ConfigError(
            "config: mixture.retain bounds the rise against training on replay alone, but there is no mixture.replay. "
            "Add what the checkpoint was trained on, such as replay: {crawl: 0.8, repos: 0.2}."
        )
    return {
        "sources": list(context.config.sources),
        "declared": list(context.config.domains),
        "tokens": mixture.tokens,
        "max_epochs": dict(mixture.max_epochs),
        "baseline": dict(mixture.baseline) if mixture.baseline else None,
        "replay": dict(mixture.replay) if mixture.replay else None,
    }


def read_inputs(task: Task) -> MixtureInputs:
    """The inputs of a task that reads TOKENS and PARTS and whose settings hold `mixture_settings`. Raises ConfigError."""
    settings = task.settings["mixture"]
    source_of_part: dict[int, str] = {}
    for path in task.inputs["parts"]:
        parts = pq.read_table(path, columns=["part", "source"])
        source_of_part.update(zip(parts["part"].to_pylist(), parts["source"].to_pylist(), strict=True))
    supply = read_supply(task.inputs["tokens"], source_of_part, settings["sources"])
    declared = settings["declared"]
    max_epochs = epochs_by_domain(settings["max_epochs"], supply, declared)
    shares = {
        name: spread_shares(settings[name], supply, declared, f"mixture.{name}") if settings[name] else None
        for name in ("baseline", "replay")
    }
    caps = caps_of(supply, max_epochs, settings["tokens"])
    return MixtureInputs(supply, settings["tokens"], max_epochs, caps, shares["baseline"], shares["replay"])
