"""Micro-anneals: a candidate beside replay, against replay alone and web alone, at the same budget and with the same seeds.

Half candidate and half the base mixture is what OLMo 2 and OLMo 3 did (5B : 5B tokens against 10B of web alone), 30 : 70
Llama 3 and Marin. A small-set variant draws its share from a part of the candidate's text, so that what the gain owes to
new text, and what repetition leaves of it, are told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from midmix.config import nearest
from midmix.errors import ConfigError
from midmix.mixer.design.grow import NewRun
from midmix.mixer.design.inputs import MixtureInputs
from midmix.mixer.design.supply import Supply
from midmix.mixer.simplex import F64, I64, round_weights

SHARES = (0.5,)
POOLS = (1.0, 0.25)
LARGE = 0.01  # weights rounded to 1e-6 are known to 1e-4 of themselves from here on
ROUNDED = 1e-4


@dataclass(frozen=True)
class Variant:
    """A candidate's share of the tokens, the part of its text drawn from, and the passes over that part."""

    share: float
    pool: float
    epochs: float


def variant_of(weights: F64, pools: F64, control: F64, tokens: I64, total_tokens: int) -> Variant:
    """The variant behind `weights` [k] = (1 - share) x `control` [k] + share x candidate, drawn from `pools` [k].

    Epochs are those of a training of `total_tokens` over the candidate's domains, of `tokens` [k].
    """
    held = control >= LARGE
    ratios = weights[held] / control[held]
    rest = ratios <= ratios.min() + 10 * ROUNDED
    share = 1 - float(weights[held][rest].sum() / control[held][rest].sum())
    tried = weights > (1 - share) * control + ROUNDED
    epochs = weights[tried].sum() * total_tokens / (tokens[tried] * pools[tried]).sum()
    return Variant(round(share, 4), float(pools.min()), float(epochs))


def candidate_weights(what: str, supply: Supply) -> tuple[str, F64]:
    """Name and weights [k] of a candidate `source=NAME` or `domain=NAME`.

    A source is what its domains hold, by its tokens there, and must have them to itself: a run draws from a domain as a
    whole. Raises ConfigError.
    """
    kind, _, name = what.partition("=")
    if kind not in ("source", "domain") or not name:
        raise ConfigError(f"--micro-anneal: got {what!r}, expected source=NAME or domain=NAME")
    known = supply.sources if kind == "source" else supply.domains
    if name not in known:
        raise ConfigError(f"--micro-anneal {what}: no such {kind}{nearest(name, known)}; there are {', '.join(known)}")
    if kind == "domain":
        return name, np.array([float(domain == name) for domain in supply.domains])
    own = supply.by_source[supply.sources.index(name)]
    if not own.any():
        raise ConfigError(f"--micro-anneal {what}: it has no token in the train split, so there is nothing to try")
    shared = [supply.domains[j] for j in np.flatnonzero(own) if own[j] < supply.tokens[j]]
    if shared:
        raise ConfigError(
            f"--micro-anneal {what}: it shares {', '.join(shared)} with other sources, and a run draws from a domain as a "
            f"whole. Give the source a domain of its own, or use --micro-anneal domain=NAME."
        )
    return name, own / own.sum()


def micro_anneals(
    candidates: Mapping[str, F64],
    control: F64 | None,
    web: F64 | None,
    *,
    shares: Sequence[float],
    pools: Sequence[float],
    seeds: Sequence[int],
) -> list[NewRun]:
    """The runs: for each seed both controls [k], then every candidate [k] at each share and from each part of its text.

    Raises ConfigError without a control, for a share or a part that is none, or a candidate that replay is made of.
    """
    if control is None:
        raise ConfigError(
            "--micro-anneal compares with training on replay alone, but there is no mixture.replay. Add what the checkpoint "
            "was trained on, such as replay: {crawl: 0.8, repos: 0.2}."
        )
    for option, numbers, most in (("--share", shares, 0.99), ("--pool", pools, 1.0)):
        if wrong := [number for number in numbers if not 0.01 <= number <= most]:
            raise ConfigError(f"{option}: got {wrong[0]:g}, expected a number from 0.01 to {most:g}")
    base = round_weights(control)
    controls = [base] if web is None else [base, round_weights(web)]
    runs = [NewRun(seed, weights) for seed in seeds for weights in controls]
    for name, candidate in candidates.items():
        if np.abs(candidate - control).max() < 1e-6:
            raise ConfigError(f"--micro-anneal {name}: replay is all {name}, so there is nothing to compare it with")
        for share in shares:
            mixed = round_weights((1 - share) * control + share * candidate)
            for pool in sorted(set(pools), reverse=True):
                part = np.where(candidate > 0, pool, 1.0)
                runs += [NewRun(seed, mixed, name, part) for seed in seeds]
    return runs


def in_words(run: NewRun, inputs: MixtureInputs) -> str:
    """A run of a micro-anneal, with the passes that the training asked about would make over the candidate's text."""
    if run.candidate is None or run.pools is None or inputs.replay is None:
        is_replay = inputs.replay is not None and np.abs(run.weights - inputs.replay).max() < ROUNDED
        return f"control on {'replay' if is_replay else 'web'} alone"
    tried = variant_of(run.weights, run.pools, inputs.replay, inputs.supply.tokens, inputs.total_tokens)
    part = "" if tried.pool == 1 else f" from {tried.pool:.0%} of its text"
    return f"{tried.share:.0%} {run.candidate}{part} ({tried.epochs:.2g} epochs), the rest replay"
