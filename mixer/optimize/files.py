"""A recommendation from runs in files: no run folder, no tokens, shares given as multiples of a natural mixture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from midmix.config import nearest
from midmix.errors import ConfigError, InputError
from midmix.mixer.design.inputs import MixtureInputs
from midmix.mixer.design.supply import Supply
from midmix.mixer.evidence.claims import evidence_rows
from midmix.mixer.fit.files import Files
from midmix.mixer.fit.scales import at_larger_scale
from midmix.mixer.fit.step import in_key_order
from midmix.mixer.limits import make_limits
from midmix.mixer.optimize.problem import Goals
from midmix.mixer.optimize.recommend import Recommendation, optimize_weights
from midmix.mixer.optimize.step import reference_mixtures, weight_rows
from midmix.mixer.results.files import number, read_records
from midmix.mixer.simplex import F64
from midmix.tables import EVIDENCE, WEIGHTS

UNITS = 10**9  # tokens that stand for all: shares are all that counts


@dataclass(frozen=True)
class Recommended:
    """The recommendation as the tables say it, and as it came."""

    recommendation: Recommendation
    weights: pa.Table
    evidence: pa.Table


def recommend(
    files: Files, targets: Mapping[str, float], *, natural: F64, max_times: float | None, seed: int = 1
) -> Recommended:
    """The mixture with the least weighted sum of the targets (metric -> weight), compared with `natural` [k].

    `max_times` is the largest share of each domain as a multiple of the natural one.
    """
    total = sum(targets.values())
    goals = Goals({metric: (metric, weight / total) for metric, weight in targets.items()}, {})
    swarm = at_larger_scale(files.swarm, goals.metrics)
    inputs = _inputs(files, natural, max_times)
    references = reference_mixtures(inputs)
    found = optimize_weights(
        swarm,
        goals,
        tokens=inputs.supply.tokens,
        limits=inputs.limits,
        total_tokens=UNITS,
        references=references,
        fallback="natural",
        seed=seed,
    )
    own = [metric for metric in goals.metrics if swarm.own_domain(metric) is not None]
    evidence = evidence_rows(found, swarm, goals, own, references)
    return Recommended(
        found, in_key_order(WEIGHTS, weight_rows(found, references, inputs)), in_key_order(EVIDENCE, evidence)
    )


def _inputs(files: Files, natural: F64, max_times: float | None) -> MixtureInputs:
    tokens = np.maximum(np.rint(natural * UNITS), 1).astype(np.int64)
    domains = files.swarm.domains
    times = np.full(len(domains), max_times) if max_times else UNITS / tokens
    limits = make_limits(domains, np.minimum(times * tokens / UNITS, 1.0))
    return MixtureInputs(Supply(("given",), domains, tokens[None]), UNITS, times, limits, None, None)


def parse_targets(text: str, metrics: tuple[str, ...]) -> dict[str, float]:
    """Metric -> weight from `a=2,b`, or every metric from `all`. Raises ConfigError for an unknown metric or a weight of 0."""
    if text.strip() == "all":
        return dict.fromkeys(metrics, 1.0)
    targets: dict[str, float] = {}
    for part in text.split(","):
        name, _, weight = part.strip().rpartition("=") if "=" in part else (part.strip(), "", "1")
        if name not in metrics:
            raise ConfigError(f"--targets: no metric {name!r}{nearest(name, metrics)}; there are {', '.join(metrics)}")
        try:
            targets[name] = number(weight, f"the weight of {name}")
        except ValueError as error:
            raise ConfigError(f"--targets: {error}") from None
        if targets[name] <= 0:
            raise ConfigError(f"--targets: the weight of {name} is {weight}, expected more than 0")
    return targets


def read_natural(path: Path | None, swarm_domains: tuple[str, ...], runs: F64) -> F64:
    """The natural mixture [k]: from a table of `source` and `weight`, else the mean of the runs [n, k].

    Sources may be named without the words that the domains' columns have before their names. Raises InputError.
    """
    if path is None:
        mean: F64 = runs.mean(axis=0)
        mean /= mean.sum()
        return mean
    given: dict[str, Any] = {str(r.values.get("source")): r.values.get("weight") for r in read_records(path, [])}
    shares = np.empty(len(swarm_domains))
    for j, domain in enumerate(swarm_domains):
        found = [name for name in given if domain == name or domain.endswith((f"_{name}", f"/{name}", f":{name}"))]
        if not found:
            raise InputError(f"{path}: no weight for {domain}; expected columns source and weight, one row per domain")
        try:
            shares[j] = number(given[max(found, key=len)], f"the weight of {domain}")
        except ValueError as error:
            raise InputError(f"{path}: {error}") from None
    if not (shares >= 0).all() or shares.sum() <= 0:
        raise InputError(f"{path}: weights must be 0 or more and not all 0")
    normalised: F64 = shares / shares.sum()
    return normalised
