"""What candidates do to each capability: runs with a candidate beside replay against runs on replay alone.

Measured, no law needed. Candidate and control share their seeds, and with them their first weights and the order of
each domain's text, so the difference is taken seed by seed; its noise is what mixture and seed leave of the losses of all
mixtures that were run with these seeds (the residual of a two-way analysis of variance). Runs on a part of a candidate's
text differ more between seeds, since each seed takes another part: they count in the noise of their own kind alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.stats import t as student

from midmix.mixer.design.inputs import MixtureInputs
from midmix.mixer.design.micro_anneal import Variant, variant_of
from midmix.mixer.evidence.claim import NOT_SUPPORTED, SUPPORTED, WEAK, Claim, graded
from midmix.mixer.evidence.comparison import LIKELY, SURE
from midmix.mixer.fit.finals import BITS, PROXY, Finals, by_kind
from midmix.mixer.optimize.problem import Goals
from midmix.mixer.simplex import F64
from midmix.tables.mixture import OUTSIDE

SAME_WEIGHT = 2e-6  # two weights rounded to 1e-6
LEVEL = 0.90

Row = dict[str, Any]


@dataclass(frozen=True)
class Treatment:
    """Runs that differ in seed alone: what they try, None for a control, their weights and pools [k], and run by seed."""

    candidate: str | None
    weights: F64
    pools: F64
    runs: dict[int, int]

    @property
    def is_whole(self) -> bool:
        """Whether all text is drawn from."""
        return bool((self.pools == 1).all())

    def is_mixture(self, weights: F64) -> bool:
        """Whether this is `weights` [k], drawn from all text."""
        return self.is_whole and bool(np.abs(self.weights - weights).max() < SAME_WEIGHT)


@dataclass(frozen=True)
class Effect:
    """Fall of a loss against another treatment, mean over `seeds`; deviation of that, and the noise's degrees of freedom."""

    gain: float
    seeds: int
    sd: float
    freedom: int

    def interval(self) -> tuple[float, float] | None:
        """The 90% interval; None where there is no measure of the noise."""
        if not self.freedom:
            return None
        half = float(student.ppf(0.5 + LEVEL / 2, self.freedom)) * self.sd
        return self.gain - half, self.gain + half

    def sureness(self, least: float) -> float:
        """Probability that the gain is at least so large; 0 where there is no measure of the noise."""
        if not self.freedom:
            return 0.0
        return float(student.cdf((self.gain - least) / max(self.sd, 1e-12), self.freedom))


def anneal_rows(designs: pa.Table, losses: pa.Table, inputs: MixtureInputs, goals: Goals) -> list[Row]:
    """Rows of ANNEALS, sorted by its key, for our own runs at every size; none without a replay mixture."""
    if inputs.replay is None:
        return []
    treatments = read_treatments(designs, inputs.supply.domains)
    own = [row for row in losses.to_pylist() if row["origin"] == PROXY]
    rows = []
    for kind, results in by_kind(own).items():
        measured = Finals.of(results, BITS).losses
        for name, metric, max_rise in _capabilities(goals):
            values = {run: by_metric[metric] for run, by_metric in measured.items() if metric in by_metric}
            rows += [row | {"shape": kind.shape} for row in _rows(treatments, values, inputs, name, max_rise)]
    return sorted(rows, key=lambda r: (r["candidate"], r["share"], r["pool"], r["shape"], r["capability"]))


def read_treatments(designs: pa.Table, domains: Sequence[str]) -> list[Treatment]:
    """The treatments of DESIGNS in the order of their first run, those made elsewhere left out."""
    place = {domain: j for j, domain in enumerate(domains)}
    runs: dict[int, tuple[str | None, int, F64, F64]] = {}
    for row in designs.to_pylist():
        if row["role"] == OUTSIDE or row["domain"] not in place:
            continue
        new = (row["candidate"], row["seed"], np.zeros(len(domains)), np.ones(len(domains)))
        _, _, weights, pools = runs.setdefault(row["run"], new)
        weights[place[row["domain"]]] = row["weight"]
        pools[place[row["domain"]]] = 1.0 if row["pool"] is None else row["pool"]
    found: list[Treatment] = []
    for number, (candidate, seed, weights, pools) in sorted(runs.items()):
        same = (
            t
            for t in found
            if t.candidate == candidate
            and np.abs(t.weights - weights).max() < SAME_WEIGHT
            and np.array_equal(t.pools, pools)
        )
        treatment = next(same, None)
        if treatment is None:
            found.append(Treatment(candidate, weights, pools, {seed: number}))
        else:
            treatment.runs.setdefault(seed, number)
    return found


def _capabilities(goals: Goals) -> list[tuple[str, str, float | None]]:
    """Name and metric of each target, and of each retained set with the largest rise allowed."""
    targets = [(name, metric, None) for name, (metric, _) in goals.targets.items()]
    return [*targets, *((name, metric, max_rise) for name, (metric, max_rise) in goals.retain.items())]


def _rows(
    treatments: Sequence[Treatment],
    values: Mapping[int, float],
    inputs: MixtureInputs,
    capability: str,
    max_rise: float | None,
) -> list[Row]:
    """One row for every candidate and variant on one capability at one size."""
    replay, supply = inputs.replay, inputs.supply
    assert replay is not None
    control = next((t for t in treatments if t.candidate is None and t.is_mixture(replay)), None)
    web = next(
        (t for t in treatments if t.candidate is None and inputs.web is not None and t.is_mixture(inputs.web)), None
    )
    if control is None:
        return []
    whole = [t for t in treatments if t.is_whole]
    rows = []
    for one in (t for t in treatments if t.candidate is not None):
        compared = whole if one.is_whole else treatments
        effect = effect_of(one, control, compared, values)
        if effect is None:
            continue
        variant = variant_of(one.weights, one.pools, replay, supply.tokens, inputs.total_tokens)
        over_web = effect_of(one, web, compared, values) if web else None
        rows.append(_row(one, variant, effect, over_web, capability, max_rise))
    return rows


def effect_of(
    one: Treatment, other: Treatment, compared: Sequence[Treatment], values: Mapping[int, float]
) -> Effect | None:
    """Fall of the loss from `other` to `one`, losses by run; None where they share no seed with results."""

    def losses(treatment: Treatment, seeds: Sequence[int]) -> list[float]:
        return [values[treatment.runs[seed]] for seed in seeds]

    def measured(treatment: Treatment) -> set[int]:
        return {seed for seed, run in treatment.runs.items() if run in values}

    seeds = sorted(measured(one) & measured(other))
    if not seeds:
        return None
    table = np.array([losses(t, seeds) for t in compared if measured(t) >= set(seeds)])
    rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0, keepdims=True) + table.mean()
    freedom = (len(table) - 1) * (len(seeds) - 1)
    noise = float(np.sqrt((rest**2).sum() / freedom)) if freedom else 0.0
    gain = float(np.mean(losses(other, seeds)) - np.mean(losses(one, seeds)))
    return Effect(gain, len(seeds), noise * float(np.sqrt(2 / len(seeds))), freedom)


def _row(
    one: Treatment, variant: Variant, effect: Effect, over_web: Effect | None, capability: str, max_rise: float | None
) -> Row:
    interval = effect.interval()
    verdict, words = _verdict(effect, capability, max_rise)
    part = "" if variant.pool == 1 else f" from {variant.pool:.0%} of its text"
    return {
        "candidate": one.candidate,
        "share": variant.share,
        "pool": variant.pool,
        "capability": capability,
        "role": "target" if max_rise is None else "retain",
        "epochs": variant.epochs,
        "seeds": effect.seeds,
        "gain": effect.gain,
        "low": interval[0] if interval else None,
        "high": interval[1] if interval else None,
        "gain_over_web": over_web.gain if over_web else None,
        "verdict": verdict,
        "words": f"{variant.share:.0%} {one.candidate}{part} ({variant.epochs:.2g} epochs): {words}",
    }


def _verdict(effect: Effect, capability: str, max_rise: float | None) -> tuple[str, str]:
    """Of a target, that its loss falls; of a retained set, that it rises by no more than it may."""
    interval = effect.interval()
    moved = f"{capability} {'falls' if effect.gain >= 0 else 'rises'} by {abs(effect.gain):.4f} bits per byte"
    if interval is None:
        return NOT_SUPPORTED, f"{moved}, but a single seed cannot tell that from noise."
    moved += f" (90% interval of the fall {interval[0]:.4f} to {interval[1]:.4f}, {effect.seeds} seeds)"
    verdict = graded(effect.sureness(0.0 if max_rise is None else -max_rise), SURE, LIKELY)
    if max_rise is not None:
        kept = {SUPPORTED: "is kept", WEAK: "is likely kept", NOT_SUPPORTED: "is not shown to be kept"}[verdict]
        return verdict, f"{moved}; the bound of {max_rise:g} {kept}."
    if interval[1] < 0:
        return verdict, f"{moved}: it hurts."
    return verdict, f"{moved}{'' if verdict == SUPPORTED else ', which the noise of the runs may make as well'}."


def claims_of(rows: Sequence[Row], shape: str | None) -> list[Claim]:
    """Claims for EVIDENCE of the rows at the size that the recommendation rests on."""
    return [
        Claim(
            f"micro-anneal:{row['candidate']}",
            f"gain_at_{row['share']:g}{_part(row)}:{row['capability']}",
            row["verdict"],
            row["words"],
            row["gain"],
            row["low"],
            row["high"],
            "bits per byte",
        )
        for row in rows
        if row["shape"] == shape
    ]


def _part(row: Row) -> str:
    return "" if row["pool"] == 1 else f"_from_{row['pool']:g}"
