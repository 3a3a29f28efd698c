"""Runs of a small and of a large model in one table: the small ones' losses as the large model would show them.

Per metric a straight line leads from what the small runs' law expects of a mixture to what the large runs measured there;
slopes differ several times between domains, so that a sum of losses ranks mixtures wrongly until each is on its line.
The mapped small runs and the large runs themselves are then the runs of one fit, which learns from the large ones
where the line alone is wrong. On RegMix's runs (64 at 1M, anchors at 60M) that one fit is nearer to unseen 60M runs than
the line with a Gaussian process on its residuals: mean error 0.092 against 0.095 from 8 anchors, 0.073 against 0.078 from
32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from midmix.mixer.fit.drift import with_drift
from midmix.mixer.fit.heldout import MetricFit, fit_metric
from midmix.mixer.fit.swarm import MIN_ANCHORS, SAME_WEIGHT, Anchors, Line, Swarm
from midmix.mixer.laws import DEFAULT, LAWS
from midmix.mixer.simplex import F64, Mask, mixture_groups

LEVEL_SD, SLOPE, SLOPE_SD = 10.0, 0.8, 0.5  # prior; slopes from 1M to 60M and 1B parameters were 0.2 to 1.1
RESIDUAL, RESIDUAL_SPREAD = 0.05, 1.0  # prior of log residual, as a share of the losses' standard deviation
RESIDUALS = np.geomspace(0.01, 0.5, 24)


def at_larger_scale(swarm: Swarm, metrics: Sequence[str]) -> Swarm:
    """The swarm in these metrics alone, in the units of its anchors' scale, the anchors among its runs.

    As it was, in these metrics, where there are no anchors or they lack one of the metrics; as it was where it lacks one.
    """
    if not set(metrics) <= set(swarm.metrics):
        return swarm
    columns = [swarm.metrics.index(metric) for metric in metrics]
    few = replace(
        swarm,
        metrics=tuple(metrics),
        losses=swarm.losses[:, columns],
        anchors=None,
        rungs=tuple(replace(rung, losses=rung.losses[:, columns]) for rung in swarm.rungs),
    )
    anchors = swarm.anchors
    if anchors is None or not swarm.runs or not set(metrics) <= set(measured_by(anchors, swarm)):
        return few
    kept: Mask = np.all(np.isfinite(anchors.losses[:, columns]), axis=1)
    measured = anchors.losses[kept][:, columns]
    with threadpool_limits(1):
        expected = [_expected(few, metric, anchors.weights[kept]) for metric in metrics]
    lines = {
        metric: fit_line(expected[j], measured[:, j], float(few.losses[:, j].std())) for j, metric in enumerate(metrics)
    }
    mapped = np.column_stack([line.at(few.losses[:, j]) for j, line in enumerate(lines.values())])
    controls = swarm.weights[np.array(swarm.control, dtype=bool)]
    return replace(
        few,
        runs=(*swarm.runs, *(run for run, keep in zip(anchors.runs, kept, strict=True) if keep)),
        weights=np.vstack([swarm.weights, anchors.weights[kept]]),
        losses=np.vstack([mapped, measured]),
        control=(*swarm.control, *(_is_one_of(weights, controls) for weights in anchors.weights[kept])),
        large=(False,) * len(swarm.runs) + (True,) * int(kept.sum()),
        larger=anchors.kind,
        lines=lines,
    )


def fit_at_scale(swarm: Swarm, metric: str) -> MetricFit:
    """Every law on one metric of the swarm; intervals at a larger scale include what its calibration leaves open."""
    fit = fit_metric(swarm.weights, swarm.series(metric), swarm.groups, swarm.own_domain(metric))
    if metric not in swarm.lines:
        return fit
    anchors = swarm.weights[np.array(swarm.large, dtype=bool)]
    return replace(fit, calibrated=with_drift(fit.calibrated, swarm.lines[metric], anchors))


def by_scale(swarm: Swarm) -> list[Swarm]:
    """The swarm as up to two: in the metrics that its anchors measured, at their scale, and in the others at its own."""
    large = measured_by(swarm.anchors, swarm) if swarm.anchors else []
    small = [metric for metric in swarm.metrics if metric not in large]
    return [at_larger_scale(swarm, metrics) for metrics in (large, small) if metrics]


def measured_by(anchors: Anchors, swarm: Swarm) -> list[str]:
    """Metrics of the swarm that four mixtures or more of the anchors have."""
    return [
        metric
        for metric, column in zip(swarm.metrics, anchors.losses.T, strict=True)
        if len(np.unique(mixture_groups(anchors.weights)[np.isfinite(column)])) >= MIN_ANCHORS
    ]


def _expected(swarm: Swarm, metric: str, weights: F64) -> F64:
    law = LAWS[DEFAULT].fit(swarm.weights, swarm.series(metric), own=swarm.own_domain(metric))
    return law.predict(weights)


def _is_one_of(weights: F64, others: F64) -> bool:
    return bool((np.abs(others - weights).max(axis=1) < SAME_WEIGHT).any()) if len(others) else False


def fit_line(expected: F64, measured: F64, spread: float) -> Line:
    """The line from the small scale's expected losses [a] to the large scale's measured ones [a].

    Bayesian regression: slope ~ N(0.8, 0.5^2), level all but free; the residual's size by its posterior's peak.
    `spread` is the standard deviation of the small runs' losses, the unit of the priors.
    """
    spread = max(spread, 1e-12)
    centre = float(expected.mean())
    features = np.column_stack([np.ones(len(expected)), (expected - centre) / spread])
    prior_mean = np.array([measured.mean(), SLOPE * spread])
    prior_variance = np.array([LEVEL_SD * spread, SLOPE_SD * spread]) ** 2
    off = measured - features @ prior_mean

    def log_posterior(residual: float) -> float:
        covariance = features * prior_variance @ features.T + (residual * spread) ** 2 * np.eye(len(off))
        root = np.linalg.cholesky(covariance)
        whitened = np.linalg.solve(root, off)
        prior = -0.5 * (np.log(residual / RESIDUAL) / RESIDUAL_SPREAD) ** 2
        return float(prior - 0.5 * whitened @ whitened - np.log(np.diag(root)).sum())

    residual = max((float(size) for size in RESIDUALS), key=log_posterior) * spread
    precision = features.T @ features / residual**2 + np.diag(1 / prior_variance)
    covariance = np.linalg.inv(precision)
    level, tilt = prior_mean + covariance @ features.T @ off / residual**2
    level_sd, tilt_sd = np.sqrt(np.diag(covariance))
    return Line(centre, float(level), float(tilt) / spread, float(level_sd), float(tilt_sd) / spread, residual)
