"""With and without a domain: two mixtures at the same budget, with the same seeds, so that their difference is its effect."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from midmix.errors import ConfigError
from midmix.mixer.design.grow import NewRun
from midmix.mixer.design.supply import Supply
from midmix.mixer.simplex import F64, round_weights


def ablated(weights: F64, domain: int) -> F64:
    """Weights [k] without `domain`, whose share the others take in proportion to theirs."""
    left = weights.copy()
    left[domain] = 0.0
    return round_weights(left)


def domain_of(name: str, kind: str, supply: Supply) -> int:
    """Place of the domain to leave out, named as itself or as the source whose tokens it holds, all and alone.

    Raises ConfigError where the name is neither: weights can leave out a domain, not a part of one.
    """
    if kind == "domain" and name in supply.domains:
        return supply.domains.index(name)
    if kind == "source" and name in supply.sources:
        held = np.flatnonzero(supply.by_source[supply.sources.index(name)])
        if len(held) == 1 and (supply.by_source[:, held[0]] > 0).sum() == 1:
            return int(held[0])
        if not len(held):
            raise ConfigError(
                f"--ablate source={name}: it has no token in the train split, so there is nothing to leave out"
            )
        shared = ", ".join(supply.domains[j] for j in held)
        raise ConfigError(
            f"--ablate source={name}: its tokens lie in {shared}, with those of other sources or in several domains, and "
            f"weights can only leave out a whole domain. Give the source a domain of its own, or use --ablate domain=NAME."
        )
    known = supply.sources if kind == "source" else supply.domains
    raise ConfigError(f"--ablate {kind}={name}: no such {kind}; there are {', '.join(known)}")


def ablation_runs(weights: F64, domain: int, name: str, seeds: Sequence[int]) -> list[NewRun]:
    """Every run, with and without in turn. Raises ConfigError where there is nothing to compare."""
    if weights[domain] <= 0:
        raise ConfigError(f"--ablate: the mixture to start from has no share of {name}; give mixture.baseline one")
    if weights[domain] >= 1:
        raise ConfigError(f"--ablate: the mixture to start from is all {name}, so nothing is left without it")
    full, without = round_weights(weights), ablated(weights, domain)
    return [NewRun(seed, mixture) for seed in seeds for mixture in (full, without)]
