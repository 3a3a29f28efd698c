"""Step plan: WEIGHTS and TOKENS -> PLAN and `plan.json`, in integers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

import midmix
from midmix.artifact import load_manifest
from midmix.config import Mixture
from midmix.errors import ConfigError, InputError
from midmix.mixer.design.supply import read_supply
from midmix.mixer.plan.allocate import allocate, available_sequences, cap_sequences, spread, whole_batches
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Claim, Domain, Draw, Interval, LearningRate, Packing, Share, Stage, Tokenizer
from midmix.mixer.plan.supply import make_domains, read_shards
from midmix.mixer.plan.tokenizer import identify
from midmix.mixer.simplex import WEIGHT_UNITS
from midmix.step import Context
from midmix.tables import EVIDENCE, PARTS, PLAN, SOURCES, TOKENS, WEIGHTS, Table
from midmix.task import Output, Task

VERSION = 1
PLAN_FILE = "plan.json"
STAGE = "anneal"
INTERVAL_LEVEL = 0.9


@dataclass(frozen=True)
class Settings:
    """What a plan depends on besides tables. `domains` are those that the config declares by SQL."""

    mixture: Mixture
    tokenizer: Tokenizer
    domains: tuple[str, ...]


@dataclass(frozen=True)
class Weight:
    """One row of WEIGHTS: share in units of 1e-6, with the ends of its interval."""

    units: int
    low: float | None
    high: float | None


def run(context: Context) -> None:
    """Make the plan of the mixture `optimum`."""
    mixture: Mixture = context.config.require("mixture", "plan")
    tokenizers: dict[str, str] = context.config.require("tokenizers", "plan")
    if "main" not in tokenizers:
        raise ConfigError("config: no 'tokenizers.main', whose tokens the step plan counts. Add it.")
    settings = Settings(
        mixture, identify(Path(context.config.resolve(tokenizers["main"]))), tuple(context.config.domains)
    )
    fields = {"tokens", "sequence_length", "global_batch_sequences", "max_epochs", "spent_epochs", "learning_rate"}
    context.gather(
        make_plan,
        writes=(PLAN,),
        reads=(TOKENS, WEIGHTS, EVIDENCE, PARTS, SOURCES),
        settings={
            "mixture": mixture.model_dump(mode="json", include=fields),
            "tokenizer": settings.tokenizer.model_dump(mode="json"),
            "domains": list(settings.domains),
            "seed": context.seed,
            "midmix": midmix.__version__,
        },
        extra=settings,
    )


def make_plan(task: Task, output: Output) -> None:
    """Fill PLAN and attach `plan.json`."""
    settings: Settings = task.extra
    domains = _domains(task, settings)
    weights = _weights(task.inputs[WEIGHTS.name])
    counts = plan_sequences(domains, {name: w.units for name, w in weights.items()}, settings.mixture)
    stage = make_stage(domains, counts, weights, settings.mixture, task.seed)
    plan = Plan(
        generator=f"midmix {midmix.__version__}",
        tokenizer=settings.tokenizer,
        domains=domains,
        stages=(stage,),
        evidence=_claims(task.inputs[EVIDENCE.name]),
        inputs={t.name: load_manifest(task.folder, t.name).digest for t in (TOKENS, WEIGHTS, EVIDENCE)},
    )
    output.table(PLAN, plan_rows(domains, counts, stage))
    output.attach(PLAN, PLAN_FILE, lambda path: _write(path, plan.to_json()))


def plan_sequences(domains: tuple[Domain, ...], units: dict[str, int], mixture: Mixture) -> dict[str, int]:
    """Sequences per domain that fill the stage. Raises ConfigError with the numbers when the supply cannot."""
    length = mixture.sequence_length
    unknown = sorted(units.keys() - {d.id for d in domains})
    if any(units[name] for name in unknown):
        raise InputError(
            f"WEIGHTS gives {unknown[0]!r} a share, but TOKENS has no train token of it. Run optimize again."
        )
    budget = whole_batches(mixture.tokens, length, mixture.global_batch_sequences)
    caps = [_cap(domain, length) for domain in domains]
    asked = [units.get(domain.id, 0) for domain in domains]
    reach = sum(cap for cap, share in zip(caps, asked, strict=True) if share)
    if reach < budget:
        limits = ", ".join(f"{d.id} {cap:,}" for d, cap, share in zip(domains, caps, asked, strict=True) if share)
        raise ConfigError(
            f"mixture.tokens: the plan needs {budget:,} sequences of {length:,} tokens, but the domains with a "
            f"weight give {reach:,} at the epochs allowed ({limits}): {budget - reach:,} are missing. "
            f"Lower mixture.tokens to {reach * length:,}, raise mixture.max_epochs, or add sources."
        )
    return dict(zip((d.id for d in domains), allocate(budget, asked, caps), strict=True))


def plan_rows(domains: tuple[Domain, ...], counts: dict[str, int], stage: Stage) -> pa.Table:
    """PLAN: every shard of every domain, those that are not drawn from included."""
    rows = []
    for domain in domains:
        for draw in _draws(domain, counts[domain.id], stage.sequence_length):
            rows.append(
                {
                    "stage": stage.id,
                    "domain": domain.id,
                    "shard": draw.shard,
                    "sequences": draw.sequences,
                    "available": draw.available,
                    "tokens": draw.sequences * stage.sequence_length,
                    "weight": draw.sequences / stage.sequences,
                    "epochs": draw.sequences / draw.available if draw.available else 0.0,
                }
            )
    return pa.Table.from_pylist(rows, schema=PLAN.schema())


def _domains(task: Task, settings: Settings) -> tuple[Domain, ...]:
    sources = _rows(task.inputs[SOURCES.name], SOURCES, "source", "license", "snapshot")
    parts = _rows(task.inputs[PARTS.name], PARTS, "part", "source")
    names = [row["source"] for row in sources]
    supply = read_supply(task.inputs[TOKENS.name], {row["part"]: row["source"] for row in parts}, names)
    manifest = load_manifest(task.folder, TOKENS.name)
    shards = read_shards(task.inputs[TOKENS.name], manifest, task.folder, settings.tokenizer)
    declared = {row["source"]: (row["license"], row["snapshot"]) for row in sources}
    return make_domains(
        supply, shards, declared, settings.mixture.max_epochs, settings.mixture.spent_epochs, settings.domains
    )


def _weights(files: tuple[Path, ...]) -> dict[str, Weight]:
    rows = [
        row
        for row in _rows(files, WEIGHTS, "mixture", "domain", "weight", "low", "high")
        if row["mixture"] == "optimum"
    ]
    if not rows:
        raise InputError("WEIGHTS has no mixture 'optimum'. Run the step optimize first.")
    return {row["domain"]: Weight(round(row["weight"] * WEIGHT_UNITS), row["low"], row["high"]) for row in rows}


def make_stage(
    domains: tuple[Domain, ...], counts: dict[str, int], weights: dict[str, Weight], mixture: Mixture, seed: int
) -> Stage:
    """The stage that draws `counts` sequences; its shares, tokens and epochs follow from them."""
    sequences = sum(counts.values())
    shares = tuple(
        _share(domain, counts[domain.id], weights[domain.id], sequences, mixture.sequence_length)
        for domain in domains
        if counts[domain.id]
    )
    return Stage(
        id=STAGE,
        order=0,
        kind="midtrain",
        tokens_asked=mixture.tokens,
        rounding="down to whole global batches",
        token_budget=sequences * mixture.sequence_length,
        sequences=sequences,
        sequence_length=mixture.sequence_length,
        global_batch_sequences=mixture.global_batch_sequences,
        # Megatron refuses a seed below 1.
        seed=1 + (seed - 1) % (2**31 - 1),
        packing=Packing(method="concatenate-and-chunk", document_mask=False),
        learning_rate=LearningRate(schedule="linear", start=mixture.learning_rate, end=0.0),
        mixture=shares,
    )


def _share(domain: Domain, sequences: int, weight: Weight, total: int, length: int) -> Share:
    cap = _cap(domain, length)
    draws = _draws(domain, sequences, length)
    available = sum(draw.available for draw in draws)
    interval = None
    if weight.low is not None and weight.high is not None:
        interval = Interval(method="posterior", level=INTERVAL_LEVEL, low=weight.low, high=weight.high)
    return Share(
        domain=domain.id,
        sequences=sequences,
        tokens=sequences * length,
        weight=sequences / total,
        weight_asked=weight.units / WEIGHT_UNITS,
        available_sequences=available,
        cap_sequences=cap,
        at_cap=sequences == cap,
        epochs=sequences / available,
        interval=interval,
        draws=draws,
    )


def _draws(domain: Domain, sequences: int, length: int) -> tuple[Draw, ...]:
    available = [available_sequences(shard.tokens, length) for shard in domain.shards]
    drawn = spread(sequences, available)
    return tuple(
        Draw(shard=shard.index, sequences=taken, available=whole)
        for shard, taken, whole in zip(domain.shards, drawn, available, strict=True)
    )


def _cap(domain: Domain, length: int) -> int:
    return cap_sequences(sum(available_sequences(shard.tokens, length) for shard in domain.shards), domain.max_epochs)


def _claims(files: tuple[Path, ...]) -> tuple[Claim, ...]:
    rows = _rows(files, EVIDENCE, *Claim.model_fields)
    for row in rows:
        for figure in ("value", "low", "high"):
            if row[figure] is not None and not math.isfinite(row[figure]):
                row[figure] = None
    return tuple(Claim.model_validate(row) for row in rows)


def _rows(files: tuple[Path, ...], table: Table, *columns: str) -> list[dict[str, Any]]:
    if not files:
        raise InputError(f"the run has no table '{table.name}', which the step plan needs. Run the steps before it.")
    return pl.concat([pl.read_parquet(path, columns=list(columns)) for path in files]).to_dicts()


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
