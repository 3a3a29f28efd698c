"""What runs measured in the end, by the kind of run: only runs of one kind can be compared as they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from midmix.mixer.simplex import F64

NATS, UNIGRAM, BITS = "nats_per_token", "unigram_nats_per_token", "bits_per_byte"
ROUNDED = 1.02  # ratio of tokens within which runs are of one length
MOST_NAMED = 3  # metrics that a run lacks
PROXY = "proxy"  # origin of our own runs in LOSSES

Row = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class Kind:
    """Runs that can be compared as they are: one origin, model shape and number of tokens."""

    origin: str
    shape: str
    tokens: int
    parameters: int

    @property
    def compute(self) -> float:
        """Floating-point operations of one run, about: 6 x parameters x tokens; what is not known counts as 1."""
        return 6.0 * max(self.parameters, 1) * max(self.tokens, 1)

    def __str__(self) -> str:
        return f"{self.origin} {self.shape}" + (f", {self.tokens:,} tokens" if self.tokens else "")


def by_kind(results: Sequence[Row]) -> dict[Kind, list[Row]]:
    """Rows of LOSSES by kind. A run of our own counts with the others of its batch even where it died on the way."""
    reached = _reached(results)
    alike = {shape: _alike({t for s, t in reached.items() if s[:2] == shape}) for shape in {s[:2] for s in reached}}
    kinds: dict[Kind, list[Row]] = {}
    for row in results:
        training = _training(row)
        tokens = alike[training[:2]][reached[training]]
        kinds.setdefault(Kind(row["origin"], row["shape"], tokens, row["parameters"] or 0), []).append(row)
    return kinds


def _reached(results: Sequence[Row]) -> dict[tuple[object, ...], int]:
    """Tokens at the end of each training."""
    reached: dict[tuple[object, ...], int] = {}
    for row in results:
        reached[_training(row)] = max(reached.get(_training(row), 0), row["tokens"] or 0)
    return reached


def _alike(tokens: Collection[int]) -> dict[int, int]:
    """Each number of tokens to the largest of those that follow one another within 2%: trainers round to their batch."""
    largest: dict[int, int] = {}
    for number in sorted(tokens, reverse=True):
        above = min((t for t in largest if t <= number * ROUNDED), default=number)
        largest[number] = largest.get(above, number)
    return largest


def _training(row: Row) -> tuple[object, ...]:
    """What rows of one training share: our own swarm trains all runs alike, others may not."""
    return (row["origin"], row["shape"], None if row["origin"] == PROXY else row["run"])


@dataclass(frozen=True)
class Finals:
    """Run -> metric -> value at the end of its training; entropies at any step.

    `stopped` are runs with results on the way and no row at the end, as halving leaves them.
    """

    nats: dict[int, dict[str, float]]
    unigram: dict[int, dict[str, float]]
    losses: dict[int, dict[str, float]]
    stopped: frozenset[int] = frozenset()

    @staticmethod
    def of(rows: Sequence[Row], unit: str) -> Finals:
        """Losses in `unit`; nats per token and the entropies of text in them, where they are known."""
        reached = _reached(rows)
        found: dict[str, dict[int, dict[str, float]]] = {NATS: {}, UNIGRAM: {}, unit: {}}
        ended: set[int] = set()
        for row in rows:
            at_end = (row["tokens"] or 0) == reached[_training(row)]
            if at_end:
                ended.add(row["run"])
            if row["unit"] not in found or not (row["unit"] == UNIGRAM or at_end):
                continue
            if row["value"] is not None and np.isfinite(row["value"]):
                found[row["unit"]].setdefault(row["run"], {})[row["metric"]] = row["value"]
        stopped = frozenset(row["run"] for row in rows) - ended
        return Finals(found[NATS], found[UNIGRAM], found[unit], stopped)

    @property
    def metrics(self) -> list[str]:
        return sorted({metric for by_metric in self.losses.values() for metric in by_metric})

    def table(self, runs: Sequence[int], metrics: Sequence[str]) -> F64:
        """Losses [runs, metrics], NaN where not measured."""
        values = [[self.losses[run].get(metric, np.nan) for metric in metrics] for run in runs]
        return np.array(values, dtype=np.float64).reshape(len(runs), len(metrics))

    def why_not(self, run: int, weights: F64, metrics: Sequence[str], domains: Sequence[str]) -> str | None:
        """Why a run is no evidence; None when it is."""
        if run in self.stopped:
            return "was stopped before the last step"
        missing = sorted(set(metrics) - self.losses.get(run, {}).keys())
        if len(missing) == len(metrics):
            return "died, or has no result at the last step"
        if missing:
            more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
            return f"has no {', '.join(missing[:MOST_NAMED])}{more} at the last step, which other runs have"
        common = {m: value for other in sorted(self.unigram) for m, value in self.unigram[other].items()}
        entropy = {**common, **self.unigram.get(run, {})}
        if not has_learnt(weights, self.nats.get(run, {}), entropy, domains):
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
