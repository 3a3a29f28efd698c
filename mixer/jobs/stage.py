"""A run of the design as one stage in integers: its mixture in whole sequences, spread over shards."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

import midmix
from midmix.errors import ConfigError
from midmix.mixer.jobs.runs import DesignedRun
from midmix.mixer.plan.allocate import available_sequences, largest_remainder, spread
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Domain, Draw, Share, Stage, Tokenizer
from midmix.mixer.plan.wishes import Wish
from midmix.mixer.simplex import WEIGHT_UNITS

MOST_SEED = 2**31 - 1


def make_stage(run: DesignedRun, wish: Wish, domains: Mapping[str, Domain], seed: int) -> Stage:
    """The stage that trains the run's mixture, exact to a sequence. Raises ConfigError where a domain is too short.

    `seed` is the config's; runs of one seed of the design read in one order, so that their differences are of mixtures.
    """
    names = sorted(run.weights)
    counts = largest_remainder(wish.sequences, [round(run.weights[name] * WEIGHT_UNITS) for name in names])
    shares = [
        _share(run, wish, domains.get(name), name, count) for name, count in zip(names, counts, strict=True) if count
    ]
    return Stage(
        id="job",
        order=0,
        kind=wish.section.kind,
        tokens_asked=wish.tokens,
        rounding="down to whole global batches",
        start_tokens=0,
        token_budget=wish.sequences * wish.sequence_length,
        sequences=wish.sequences,
        sequence_length=wish.sequence_length,
        global_batch_sequences=wish.global_batch_sequences,
        # Megatron refuses a seed below 1.
        seed=1 + (seed - 1 + run.seed) % MOST_SEED,
        data="disjoint",
        packing=wish.packing,
        learning_rate=wish.rate,
        rope=None,
        boundary=wish.section.boundary,
        weights_from="declared",
        weights_sum=1.0,
        replay=None,
        lengths=(),
        mixture=tuple(shares),
    )


def _share(run: DesignedRun, wish: Wish, domain: Domain | None, name: str, sequences: int) -> Share:
    length = wish.sequence_length
    available = [available_sequences(shard.tokens, length) for shard in domain.shards] if domain else []
    if domain is None or not sum(available):
        raise ConfigError(
            f"run {run.run}: domain {name} has a weight of {run.weights[name]:.4f}, but its training tokens do not fill "
            f"one sequence of {length:,}. Give it more text and design again."
        )
    _check_supply(run, domain, sequences * length, length)
    draws = zip(domain.shards, spread(sequences, available), available, strict=True)
    return Share(
        domain=name,
        sequences=sequences,
        tokens=sequences * length,
        weight=sequences / wish.sequences,
        weight_asked=run.weights[name],
        available_sequences=sum(available),
        cap_sequences=sequences,
        at_cap=True,
        epochs=sequences / sum(available),
        interval=None,
        draws=tuple(Draw(shard=shard.index, sequences=n, available=whole) for shard, n, whole in draws),
    )


def _check_supply(run: DesignedRun, domain: Domain, tokens: int, length: int) -> None:
    """Raise ConfigError, with the number, where a run reads a domain more often than it may. One sequence more is rounding."""
    if run.beyond_caps:
        return
    left = max(Fraction(repr(domain.max_epochs)) - Fraction(repr(domain.spent_epochs)), Fraction(0))
    most = int(left * domain.tokens)
    if tokens > most + length:
        raise ConfigError(
            f"run {run.run}: domain {domain.id} has a weight of {run.weights[domain.id]:.4f}, which takes {tokens:,} "
            f"tokens; the {domain.tokens:,} at hand give {most:,} at the {float(left):g} epochs that are left: "
            f"{tokens - most:,} are missing. Give no more --tokens than mixture.tokens, raise mixture.max_epochs, or design again."
        )


def plan_of(stage: Stage, domains: Mapping[str, Domain], tokenizer: Tokenizer) -> Plan:
    """A plan of this stage alone, for an exporter. Its domains are those that the stage draws from.

    Supply was checked by `make_stage`: what was spent before, and what micro-anneals repeat on purpose, is no fault here.
    """
    held = []
    for share in stage.mixture:
        domain = domains[share.domain]
        epochs = float(math.ceil(Fraction(share.tokens, domain.tokens)))
        held.append(domain.model_copy(update={"max_epochs": max(epochs, domain.max_epochs), "spent_epochs": 0.0}))
    return Plan(
        generator=f"midmix {midmix.__version__}",
        tokenizer=tokenizer,
        length_buckets=(),
        domains=tuple(held),
        earlier=(),
        stages=(stage,),
        evidence=(),
        inputs={},
    )
