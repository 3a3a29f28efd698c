"""The runs that count as evidence, as arrays, and those that do not, with the reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from midmix.errors import InputError
from midmix.mixer.fit.finals import BITS, Finals, Kind, Row, by_kind
from midmix.mixer.simplex import F64, I64, mixture_groups
from midmix.tables.mixture import OUTSIDE

SAME_WEIGHT = 5e-7  # half the unit that stored weights are rounded to
MIN_ANCHORS = 4  # fewer runs of a larger scale cannot place a line


@dataclass(frozen=True)
class Line:
    """From a loss at the small scale to that at the large one: `level` at the small loss `centre`, then `slope`.

    `level_sd` and `slope_sd` are posterior standard deviations, `residual` that of measured losses about the line.
    """

    centre: float
    level: float
    slope: float
    level_sd: float
    slope_sd: float
    residual: float

    def at(self, losses: F64) -> F64:
        """Losses [n] of the small scale as the large one would show them [n]."""
        mapped: F64 = self.level + self.slope * (losses - self.centre)
        return mapped


@dataclass(frozen=True)
class Anchors:
    """Runs (a) of one scale, such as a larger one than the swarm's: weights [a, k], losses [a, m], NaN where not measured."""

    kind: Kind
    runs: tuple[int, ...]
    weights: F64
    losses: F64


@dataclass(frozen=True)
class Swarm:
    """Runs (n) x domains (k) and runs x metrics (m), losses at the last step, in bits per byte unless told otherwise.

    `left_out` names the runs that are no evidence, with the reason. `control` marks the runs on replay alone, `web` names
    those on web alone. `anchors` are runs of a larger scale that are not among the n. Where they were taken in
    (`scales.at_larger_scale`), `large` marks them among the n, `larger` is their kind, and `lines` says per metric how the
    others' losses were mapped to it.
    `own` names the domain of a metric where the metric's name does not. `rungs` are all scales with four mixtures or more,
    the smallest first, whichever of them the n runs are of: they say whether sizes rank mixtures alike.
    """

    domains: tuple[str, ...]
    metrics: tuple[str, ...]
    runs: tuple[int, ...]
    weights: F64
    losses: F64
    control: tuple[bool, ...]
    left_out: Mapping[int, str]
    kind: Kind | None = None
    anchors: Anchors | None = None
    large: tuple[bool, ...] = ()
    larger: Kind | None = None
    lines: Mapping[str, Line] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    unit: str = BITS
    rungs: tuple[Anchors, ...] = ()
    web: frozenset[int] = frozenset()

    @property
    def groups(self) -> I64:
        """Number of each run's mixture [n]: runs that differ in seed or scale alone share one."""
        return mixture_groups(self.weights)

    @property
    def replicates(self) -> I64:
        """Number of each run's mixture and scale [n]: runs that differ in seed alone share one."""
        groups = self.groups
        return 2 * groups + np.array(self.large or (False,) * len(groups), dtype=np.int64)

    @property
    def scale(self) -> str:
        """Whose losses these are, in words."""
        kind = self.larger or self.kind
        return str(kind) if kind else "none"

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
        domain = self.own.get(metric) or (metric.removeprefix("domain:") if metric.startswith("domain:") else None)
        return self.domains.index(domain) if domain in self.domains else None


def noise_sd(losses: F64, replicates: I64) -> float | None:
    """Standard deviation over seeds of one mixture, pooled over the repeated mixtures; None without repeats."""
    squares, freedom = 0.0, 0
    for group in np.unique(replicates):
        values = losses[replicates == group]
        squares += float(((values - values.mean()) ** 2).sum())
        freedom += len(values) - 1
    return float(np.sqrt(squares / freedom)) if freedom else None


def read_swarm(designs: pa.Table, losses: pa.Table, domains: Sequence[str], unit: str = BITS) -> Swarm:
    """The swarm behind DESIGNS and LOSSES in one unit; `domains` gives the order of the weights' columns.

    Runs of one kind alone can be compared: the kind with the most runs is taken (the smaller of equals), or the largest one
    at which all of these runs were trained, as a ladder of sizes does; of the larger ones the largest with four mixtures
    becomes its anchors. A run is left out when it is of another kind, lacks a loss at the last step (it died or was
    stopped, or others have a metric that it has not), draws from a part of a domain's text alone, or has learnt nothing:
    its held-out loss, weighted by its own mixture, is not below the unigram entropy of that text. Raises InputError when
    the design has other domains.
    """
    mixtures = _read_designs(designs, domains)
    results = by_kind([row for row in losses.to_pylist() if row["run"] in mixtures.weights])
    kind = _kind_in_force(results)
    base = Finals.of(results[kind], unit) if kind else Finals({}, {}, {})
    metrics = base.metrics
    kept: list[int] = []
    left_out = dict(mixtures.strange)
    trained = {row["run"] for row in results[kind]} if kind else set()
    elsewhere = {row["run"] for rows in results.values() for row in rows} - trained
    for run, weights in sorted(mixtures.weights.items()):
        reason = base.why_not(run, weights, metrics, domains)
        if reason is None:
            kept.append(run)
        elif run not in left_out:
            left_out[run] = "of another origin, model or number of tokens" if run in elsewhere else reason
    scales = _scales(results, mixtures.weights, metrics, unit)
    anchors = next((s for s in reversed(scales) if kind is not None and s.kind.compute > kind.compute), None)
    for run in anchors.runs if anchors else ():
        left_out.pop(run, None)
    return Swarm(
        domains=tuple(domains),
        metrics=tuple(metrics),
        runs=tuple(kept),
        weights=np.array([mixtures.weights[run] for run in kept]).reshape(len(kept), len(domains)),
        losses=base.table(kept, metrics),
        control=tuple(mixtures.is_control(run) for run in kept),
        left_out=left_out,
        kind=kind,
        anchors=anchors,
        unit=unit,
        rungs=scales,
        web=mixtures.web,
    )


def _kind_in_force(results: Mapping[Kind, Sequence[Row]]) -> Kind | None:
    """See `read_swarm`."""
    if not results:
        return None
    runs = {kind: {row["run"] for row in rows} for kind, rows in results.items()}
    most = min(runs, key=lambda kind: (-len(runs[kind]), kind.compute, kind))
    return max((kind for kind in runs if runs[kind] >= runs[most]), key=lambda kind: (kind.compute, kind))


@dataclass(frozen=True)
class _Mixtures:
    """Weights [k] of every run, those whose role is control or web, and runs made elsewhere on domains that are not here."""

    weights: dict[int, F64]
    controls: tuple[int, ...]
    web: frozenset[int]
    strange: dict[int, str]

    def is_control(self, run: int) -> bool:
        return any(np.abs(self.weights[run] - self.weights[c]).max() < SAME_WEIGHT for c in self.controls)


def _read_designs(designs: pa.Table, domains: Sequence[str]) -> _Mixtures:
    position = {domain: j for j, domain in enumerate(domains)}
    weights: dict[int, F64] = {}
    roles: dict[str, set[int]] = defaultdict(set)
    strange: dict[int, str] = {}
    for row in designs.to_pylist():
        run, domain = row["run"], row["domain"]
        if row["pool"] is not None:
            strange[run] = f"drew from {row['pool']:.0%} of {domain} alone"
        if domain in position:
            weights.setdefault(run, np.zeros(len(domains)))[position[domain]] = row["weight"]
        elif row["role"] == OUTSIDE and row["weight"] > 0:
            strange[run] = f"trained on domain {domain!r}, which is not among those at hand"
        elif row["role"] != OUTSIDE:
            raise InputError(
                f"DESIGNS has domain {domain!r}, the tokens at hand have {', '.join(domains)}. "
                f"Run again from the step design."
            )
        roles[row["role"]].add(run)
    known = {run: row for run, row in weights.items() if run not in strange}
    return _Mixtures(known, tuple(sorted(roles["control"])), frozenset(roles["web"]), strange)


def _scales(
    results: Mapping[Kind, Sequence[Row]], weights: Mapping[int, F64], metrics: Sequence[str], unit: str
) -> tuple[Anchors, ...]:
    """The kinds with four mixtures that have any of the metrics, by compute."""
    found = []
    for kind in sorted(results, key=lambda k: (k.compute, k)):
        finals = Finals.of(results[kind], unit)
        runs = sorted(run for run, measured in finals.losses.items() if measured.keys() & set(metrics))
        if not runs:
            continue
        mixtures = np.stack([weights[run] for run in runs])
        if mixture_groups(mixtures).max() + 1 >= MIN_ANCHORS:
            found.append(Anchors(kind, tuple(runs), mixtures, finals.table(runs, metrics)))
    return tuple(found)
