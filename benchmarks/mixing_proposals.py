"""Point 5: what mixtures are proposed, judged by laws on all 768 runs (mixing_judge.py). Lower is better.

Ours goes the product's way: laws fitted and calibrated on the runs given, then one optimum within w <= 15 x natural.
RegMix: LightGBM, 100,000 draws from Dirichlet(natural), the best 128 averaged. Olmix: its log-linear law, convex, with
0.05 KL to the natural mixture (0.005 beside it, which is better for one target). UniMax and natural need no runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from mixing_data import MAX_TIMES_NATURAL, NUM_TRAIN, SUBSETS, RegMix
from mixing_judge import power_judge, process_judge
from mixing_laws import fits

from midmix.mixer import baselines
from midmix.mixer.design.pool import dirichlet_pool
from midmix.mixer.fit.correlation import error_correlation, heldout_errors
from midmix.mixer.fit.heldout import MetricFit
from midmix.mixer.laws import LAWS
from midmix.mixer.limits import Limits, make_limits
from midmix.mixer.optimize.predictor import Predictor
from midmix.mixer.optimize.problem import Bound, Problem
from midmix.mixer.optimize.smooth import Sloped, smooth_optimum
from midmix.mixer.optimize.solve import solve
from midmix.mixer.simplex import F64, I64

DRAWS, AVERAGED = 100_000, 128
POOL_SIZE = 4096
TOKENS = 10**9
RUN_COUNTS = (32, 64)

Proposer = Callable[[I64, F64], F64]


def limits_of(data: RegMix) -> Limits:
    """w <= 15 x natural."""
    return make_limits(data.sources, data.caps)


def predictor_of(fitted: list[MetricFit], losses: F64) -> Predictor:
    """The calibrated laws of some metrics; `losses` [n, t] are those that they were fitted on."""
    return Predictor(tuple(fit.calibrated for fit in fitted), error_correlation(heldout_errors(fitted, losses)))


def optimum(
    data: RegMix,
    runs: F64,
    predictor: Predictor,
    power: list[Sloped],
    combination: F64,
    bounds: tuple[Bound, ...] = (),
    seed: int = 0,
) -> F64:
    """The product's optimum [17]; `runs` [n, 17] are the mixtures that were run."""
    limits = limits_of(data)
    problem = Problem(predictor, combination, limits, bounds)
    tokens = (data.natural * TOKENS).astype(np.int64)
    pool = np.vstack([data.natural[None], limits.nearest(runs), dirichlet_pool(tokens, data.caps, POOL_SIZE, seed)])
    return solve(problem, power, pool, seed=seed)


def power_of(fitted: list[MetricFit]) -> list[Sloped]:
    """The power laws among the fits."""
    return [fit.fits["power"] for fit in fitted]  # type: ignore[misc]


def regmix(data: RegMix, runs: I64, combination: F64, draws: F64) -> F64:
    """RegMix's proposal [17] from `runs`; `draws` [m, 17] are from Dirichlet(natural) within the caps."""
    predicted = np.zeros(len(draws))
    for metric in np.flatnonzero(combination):
        fitted = LAWS["lightgbm"].fit(data.train[runs], data.train_losses[runs, metric], own=None)
        predicted += combination[metric] * fitted.predict(draws)
    best: F64 = draws[np.argsort(predicted, kind="stable")[:AVERAGED]].mean(axis=0)
    return best


@dataclass(frozen=True)
class Divergence:
    """KL(w || natural), as a law among laws."""

    natural: F64

    def predict(self, weights: F64) -> F64:
        """The divergence [m]."""
        total: F64 = (weights * np.log(np.maximum(weights, 1e-12) / self.natural)).sum(axis=1)
        return total

    def gradient(self, weights: F64) -> F64:
        """Its derivative [m, 17]."""
        slope: F64 = np.log(np.maximum(weights, 1e-12) / self.natural) + 1
        return slope


def olmix(data: RegMix, runs: I64, combination: F64, strength: float) -> F64:
    """Olmix's proposal [17] from `runs`."""
    used = np.flatnonzero(combination)
    laws = [
        LAWS["log_linear"].fit(data.train[runs], data.train_losses[runs, metric], own=data.own[metric])
        for metric in used
    ]
    weights = np.r_[combination[used], strength]
    return smooth_optimum([*laws, Divergence(data.natural)], weights, limits_of(data), [], data.natural)  # type: ignore[list-item]


def regmix_draws(data: RegMix) -> F64:
    """100,000 draws from Dirichlet(natural), those within the caps."""
    draws = np.random.default_rng(42).dirichlet(data.natural, DRAWS)
    return draws[(draws <= data.caps).all(axis=1)]


def proposals(data: RegMix) -> dict[str, float]:
    """Point 5: each proposal by both judges; `_power` is the second one's figure."""
    judges = {"power": power_judge(data)}
    combinations = {"cc": np.eye(13)[data.metrics.index("pile_cc")], "mean13": np.full(13, 1 / 13)}
    process = {name: process_judge(data, combination) for name, combination in combinations.items()}
    found: dict[str, list[dict[str, float]]] = {}

    def note(key: str, proposed: dict[str, F64]) -> None:
        marks = {}
        for name, weights in proposed.items():
            marks[f"{key}_{name}"] = float(process[name].predict(weights[None])[0])
            second = np.array([law.predict(weights[None])[0] for law in judges["power"]])
            marks[f"{key}_{name}_power"] = float(second @ combinations[name])
        found.setdefault(key, []).append(marks)

    def each(proposer: Callable[[F64], F64]) -> dict[str, F64]:
        return {name: proposer(combination) for name, combination in combinations.items()}

    draws, everything = regmix_draws(data), np.arange(NUM_TRAIN)
    note("natural", each(lambda c: data.natural))
    tokens = (data.natural * TOKENS).astype(np.int64)
    note("unimax", each(lambda c: baselines.unimax(tokens, np.full(17, MAX_TIMES_NATURAL), TOKENS)))
    note("regmix_512", each(lambda c: regmix(data, everything, c, draws)))
    for strength in (0.05, 0.005):
        note(f"olmix_512_kl{strength:g}", each(lambda c, s=strength: olmix(data, everything, c, s)))
    for size in RUN_COUNTS:
        for seed in SUBSETS:
            runs = data.subset(seed, size)
            note(f"proposal_{size}", ours(data, runs, combinations, seed))
            for strength in (0.05, 0.005):
                note(f"olmix_{size}_kl{strength:g}", each(lambda c, r=runs, s=strength: olmix(data, r, c, s)))
            if size == max(RUN_COUNTS):
                note(f"regmix_{size}", each(lambda c, r=runs: regmix(data, r, c, draws)))
    return {key: float(np.mean([m[key] for m in marks])) for marks in found.values() for key in marks[0]}


def ours(data: RegMix, runs: I64, combinations: dict[str, F64], seed: int) -> dict[str, F64]:
    """Our proposals [17] from `runs`, by name of the objective."""
    fitted, losses = fits(data, runs), data.train_losses[runs]
    found = {}
    for name, combination in combinations.items():
        used = np.flatnonzero(combination)
        chosen = [fitted[metric] for metric in used]
        predictor = predictor_of(chosen, losses[:, used])
        found[name] = optimum(data, data.train[runs], predictor, power_of(chosen), combination[used], seed=seed)
    return found
