"""Everything about a run's plan but its files: from the config and the run's tables to stages in integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from midmix.config import Config, Mixture
from midmix.errors import ConfigError, InputError
from midmix.mixer.design.supply import Supply, read_supply, spread_shares
from midmix.mixer.plan.buckets import Stock, bucket_lengths, count_buckets, make_pools, stock_of
from midmix.mixer.plan.draft import Draft, make_draft
from midmix.mixer.plan.earlier import read_earlier
from midmix.mixer.plan.models import Domain, EarlierStage, Interval, Tokenizer
from midmix.mixer.plan.pool import Bucket, make_buckets
from midmix.mixer.plan.supply import make_domains, read_shards
from midmix.mixer.plan.token_files import Given, open_token_files
from midmix.mixer.plan.token_shards import TokenShards
from midmix.mixer.plan.tokenizer import identify
from midmix.mixer.plan.wishes import ANNEAL, Spread, make_wishes
from midmix.mixer.simplex import WEIGHT_UNITS
from midmix.table_manifest import Manifest, load_manifest
from midmix.tables import PARTS, SOURCES, TOKENS, WEIGHTS, Table

INTERVAL_LEVEL = 0.9
Inputs = Mapping[str, tuple[Path, ...]]


@dataclass(frozen=True)
class Prepared:
    """A plan before its files: `domains` with the shards of tokenize; `tokens` has those made elsewhere besides."""

    tokenizer: Tokenizer
    buckets: tuple[Bucket, ...]
    domains: tuple[Domain, ...]
    stocks: tuple[Stock, ...]
    earlier: tuple[EarlierStage, ...]
    draft: Draft
    tokens: TokenShards


def prepare(config: Config, folder: Path, inputs: Inputs, seed: int) -> Prepared:
    """The plan of a run in numbers. `inputs` are the files of TOKENS, WEIGHTS, PARTS and SOURCES. Raises ConfigError."""
    mixture: Mixture = config.require("mixture", "plan")
    tokenizer = identify_main(config)
    manifest = load_manifest(folder, TOKENS.name)
    supply, domains = read_domains(config, mixture, tokenizer, folder, manifest, inputs)
    given = open_token_files(config, tokenizer)
    tokens = TokenShards(folder, manifest, domains, given)
    stocks = (*(stock_of(domain) for domain in domains), *(_given_stock(config, name, given[name]) for name in given))
    earlier = read_earlier(config, [stock.domain for stock in stocks])
    sections = config.stages or (ANNEAL,)
    optimum: dict[str, int] = {}
    intervals: dict[str, Interval] = {}
    if any(section.weights == "optimum" for section in sections):
        optimum, intervals = read_optimum(inputs[WEIGHTS.name], [domain.id for domain in domains])
    spread = _spreader(supply, tuple(config.domains), tuple(given))
    wishes = make_wishes(sections, mixture, earlier, optimum, spread)
    used = any(wish.lengths for wish in wishes)
    buckets = make_buckets(config.length_buckets) if used else ()
    counts = count_buckets(inputs[TOKENS.name], buckets)
    if buckets:
        for name, files in given.items():
            counts |= {(name, i): bucket_lengths(file.lengths(), buckets) for i, file in enumerate(files)}
    draft = make_draft(
        make_pools(stocks, earlier, buckets, counts),
        buckets,
        wishes,
        earlier,
        intervals=intervals,
        seed=seed,
        lengths=tokens.lengths,
    )
    return Prepared(tokenizer, buckets, domains, stocks, earlier, draft, tokens)


def identify_main(config: Config) -> Tokenizer:
    """The tokenizer whose tokens the plan counts. Raises ConfigError."""
    tokenizers: dict[str, str] = config.require("tokenizers", "plan")
    if "main" not in tokenizers:
        raise ConfigError("config: no 'tokenizers.main', whose tokens the step plan counts. Add it.")
    return identify(Path(config.resolve(tokenizers["main"])))


def read_optimum(files: tuple[Path, ...], domains: Sequence[str]) -> tuple[dict[str, int], dict[str, Interval]]:
    """Weights of the mixture `optimum` in units of 1e-6, and their intervals. Raises InputError."""
    rows = [
        row
        for row in read_rows(files, WEIGHTS, "mixture", "domain", "weight", "low", "high")
        if row["mixture"] == "optimum"
    ]
    if not rows:
        raise InputError("WEIGHTS has no mixture 'optimum'. Run the step optimize first.")
    units = {row["domain"]: round(row["weight"] * WEIGHT_UNITS) for row in rows}
    for name in sorted(units.keys() - set(domains)):
        if units.pop(name):
            raise InputError(
                f"WEIGHTS gives {name!r} a share, but TOKENS has no train token of it. Run optimize again."
            )
    intervals = {
        row["domain"]: Interval(method="posterior", level=INTERVAL_LEVEL, low=row["low"], high=row["high"])
        for row in rows
        if row["low"] is not None and row["high"] is not None
    }
    return units, intervals


def read_rows(files: tuple[Path, ...], table: Table, *columns: str) -> list[dict[str, Any]]:
    """Rows of a table that the plan needs. Raises InputError when it was not made."""
    if not files:
        raise InputError(f"the run has no table '{table.name}', which the step plan needs. Run the steps before it.")
    return pl.concat([pl.read_parquet(path, columns=list(columns)) for path in files]).to_dicts()


def read_domains(
    config: Config, mixture: Mixture, tokenizer: Tokenizer, folder: Path, manifest: Manifest, inputs: Inputs
) -> tuple[Supply, tuple[Domain, ...]]:
    """The run's own domains with the shards of tokenize, from TOKENS, PARTS and SOURCES. Raises ConfigError, InputError."""
    sources = read_rows(inputs[SOURCES.name], SOURCES, "source", "license", "snapshot")
    parts = read_rows(inputs[PARTS.name], PARTS, "part", "source")
    names = [row["source"] for row in sources]
    supply = read_supply(inputs[TOKENS.name], {row["part"]: row["source"] for row in parts}, names)
    shards = read_shards(inputs[TOKENS.name], manifest, folder, tokenizer)
    declared = {row["source"]: (row["license"], row["snapshot"]) for row in sources}
    domains = make_domains(supply, shards, declared, mixture.max_epochs, mixture.spent_epochs, tuple(config.domains))
    return supply, domains


def _given_stock(config: Config, name: str, files: Sequence[Given]) -> Stock:
    shards = tuple(
        (number, int(lengths.sum()), len(lengths)) for number, lengths in enumerate(file.lengths() for file in files)
    )
    return Stock(name, config.token_files[name].max_epochs, 0.0, shards)


def _spreader(supply: Supply, declared: tuple[str, ...], given: tuple[str, ...]) -> Spread:
    """Shares by name as shares of domains: names of `token_files` stand for themselves, others for what they hold."""

    def spread(shares: Mapping[str, float], where: str) -> dict[str, float]:
        total = sum(shares.values())
        found = {name: share / total for name, share in shares.items() if name in given}
        rest = {name: share for name, share in shares.items() if name not in given}
        if rest and any(rest.values()):
            weights = spread_shares(rest, supply, declared, where)
            scale = sum(rest.values()) / total
            found |= {d: float(w) * scale for d, w in zip(supply.domains, weights, strict=True) if w}
        return found

    return spread
