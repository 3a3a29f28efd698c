"""The runs that count as evidence, as arrays, and those that do not, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from midmix.errors import InputError
from midmix.mixer.simplex import F64, I64, mixture_groups

NATS, UNIGRAM, BITS = "nats_per_token", "unigram_nats_per_token", "bits_per_byte"
SAME_WEIGHT = 5e-7  # half the unit that stored weights are rounded to


@dataclass(frozen=True)
class Swarm:
    """Runs (n) x domains (k) and runs x metrics (m), metrics in bits per byte at the last step.

    `left_out` names the runs that are no evidence, with the reason. `control` marks the runs on replay alone.
    """

    domains: tuple[str, ...]
    metrics: tuple[str, ...]
    runs: tuple[int, ...]
    weights: F64
    losses: F64
    control: tuple[bool, ...]
    left_out: Mapping[int, str]

    @property
    def groups(self) -> I64:
        """Number of each run's mixture [n]: runs that differ in seed alone share one."""
        return mixture_groups(self.weights)

    @property
    def num_mixtures(self) -> int:
        """Distinct mixtures."""
        return int(self.groups.max()) + 1 if self.runs else 0

    def series(self, metric: str) -> F64:
        """Losses [n] of one metric, bits per byte."""
        column: F64 = self.losses[:, self.metrics.index(metric)]
        return column

    def own_domain(self, metric: str) -> int | None:
        """Place of the domain whose held-out text the metric is of; None for evaluation sets."""
        name = metric.removeprefix("domain:")
        return self.domains.index(name) if metric.startswith("domain:") and name in self.domains else None


def noise_sd(losses: F64, groups: I64) -> float | None:
    """Standard deviation over seeds of one mixture, pooled over the repeated mixtures; None without repeats."""
    squares, freedom = 0.0, 0
    for group in np.unique(groups):
        values = losses[groups == group]
        squares += float(((values - values.mean()) ** 2).sum())
        freedom += len(values) - 1
    return float(np.sqrt(squares / freedom)) if freedom else None


def read_swarm(designs: pa.Table, losses: pa.Table, domains: Sequence[str]) -> Swarm:
    """The swarm behind DESIGNS and LOSSES; `domains` gives the order of the weights' columns.

    Runs of one origin and shape alone can be compared: the pair with the most runs is taken. A run is left out when it
    is of another pair, lacks a loss at the last step (it died), or has learnt nothing: its held-out loss, weighted by
    its own mixture, is not below the unigram entropy of that text. Raises InputError when DESIGNS has other domains.
    """
    weights, controls = _read_designs(designs, domains)
    results = [row for row in losses.to_pylist() if row["run"] in weights]
    kind = _common_kind(results)
    final = _final_losses(results, kind)
    metrics = sorted({metric for by_metric in final[BITS].values() for metric in by_metric})
    kept, left_out = [], {}
    for run, mixture in sorted(weights.items()):
        reason = _why_not(run, mixture, final, metrics, domains)
        if reason is None:
            kept.append(run)
        else:
            others = {(r["origin"], r["shape"]) for r in results if r["run"] == run} - {kind}
            left_out[run] = "of another origin or model shape" if others and run not in final[BITS] else reason
    return Swarm(
        domains=tuple(domains),
        metrics=tuple(metrics),
        runs=tuple(kept),
        weights=np.array([weights[run] for run in kept]).reshape(len(kept), len(domains)),
        losses=np.array([[final[BITS][run][metric] for metric in metrics] for run in kept]).reshape(
            len(kept), len(metrics)
        ),
        control=tuple(any(np.abs(weights[run] - weights[c]).max() < SAME_WEIGHT for c in controls) for run in kept),
        left_out=left_out,
    )


def _read_designs(designs: pa.Table, domains: Sequence[str]) -> tuple[dict[int, F64], list[int]]:
    """Weights [k] of every run, and the runs whose role is control."""
    position = {domain: j for j, domain in enumerate(domains)}
    weights: dict[int, F64] = {}
    controls = set()
    for row in designs.to_pylist():
        if row["domain"] not in position:
            raise InputError(
                f"DESIGNS has domain {row['domain']!r}, the tokens at hand have {', '.join(domains)}. "
                f"Run again from the step design."
            )
        weights.setdefault(row["run"], np.zeros(len(domains)))[position[row["domain"]]] = row["weight"]
        if row["role"] == "control":
            controls.add(row["run"])
    return weights, sorted(controls)


def _common_kind(results: Sequence[Mapping[str, Any]]) -> tuple[str, str] | None:
    """Origin and shape of the most runs; the first by name among equals."""
    counts = Counter((origin, shape) for _, origin, shape in {(r["run"], r["origin"], r["shape"]) for r in results})
    return min(counts, key=lambda kind: (-counts[kind], kind)) if counts else None


def _final_losses(
    results: Sequence[Mapping[str, Any]], kind: tuple[str, str] | None
) -> dict[str, dict[int, dict[str, float]]]:
    """Unit -> run -> metric -> value at the last step that any run of the kind reached; entropies at any step."""
    ours = [r for r in results if (r["origin"], r["shape"]) == kind]
    last_step = max((r["step"] for r in ours), default=0)
    final: dict[str, dict[int, dict[str, float]]] = {NATS: {}, UNIGRAM: {}, BITS: {}}
    for row in ours:
        if row["unit"] not in final or not (row["unit"] == UNIGRAM or row["step"] == last_step):
            continue
        if row["value"] is not None and np.isfinite(row["value"]):
            final[row["unit"]].setdefault(row["run"], {})[row["metric"]] = row["value"]
    return final


def _why_not(
    run: int,
    weights: F64,
    final: Mapping[str, Mapping[int, Mapping[str, float]]],
    metrics: Sequence[str],
    domains: Sequence[str],
) -> str | None:
    """Why a run is no evidence; None when it is."""
    if not metrics or len(final[BITS].get(run, {})) < len(metrics):
        return "died, or has no result at the last step"
    common = {metric: value for other in sorted(final[UNIGRAM]) for metric, value in final[UNIGRAM][other].items()}
    entropy = {**common, **final[UNIGRAM].get(run, {})}
    if not has_learnt(weights, final[NATS].get(run, {}), entropy, domains):
        return "learnt nothing: its held-out loss is not below the unigram entropy of its text"
    return None


def has_learnt(weights: F64, nats: Mapping[str, float], entropy: Mapping[str, float], domains: Sequence[str]) -> bool:
    """Whether a run beats unigrams on what it trained on: the held-out text of its domains, by its own weights [k].

    Evaluation sets stand in, evenly, where no domain was measured. True where nothing was, as for outside runs.
    """
    shares = {f"domain:{domain}": float(weight) for domain, weight in zip(domains, weights, strict=True)}
    measured = [metric for metric in nats if metric in entropy]
    trained_on = [metric for metric in measured if shares.get(metric, 0.0) > 0]
    used = trained_on or measured
    if not used:
        return True
    return sum((nats[m] - entropy[m]) * shares.get(m, 1.0) for m in used) < 0
