"""Point 7: the most capability that retention allows: is the bound kept in truth, and how much of the gain is left?

Least github + dm_mathematics + stackexchange + arxiv, where the losses on Pile-CC, Wikipedia and PG-19 may rise by 0.1 over
the natural mixture's (constants, since judges differ by up to 0.06 on it). 32 runs and one on the natural mixture, whose losses are those
constants and, for the other four, the judge's; 20 subsets, w <= 15 x natural. Judged by the Gaussian processes on all 768
runs, which also say what the best feasible mixture would gain.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from mixing_data import RegMix
from mixing_judge import Certain, all_runs, power_judge, process_judge
from mixing_proposals import optimum, power_of, predictor_of
from mixing_regret import LEVELS, bounds_of

from midmix.mixer.fit.heldout import fit_metric
from midmix.mixer.laws.average import FittedAverage
from midmix.mixer.optimize.predictor import Predictor
from midmix.mixer.optimize.smooth import Sloped
from midmix.mixer.simplex import F64, hellinger

TARGETS = ("github", "dm_mathematics", "stackexchange", "arxiv")
METRICS = (*TARGETS, *LEVELS)
COMBINATION = np.r_[np.ones(len(TARGETS)), np.zeros(len(LEVELS))]
COLUMNS = {name: len(TARGETS) + place for place, name in enumerate(LEVELS)}
SLACK = 0.1
SEEDS, RUNS = range(20), 32


def retention(data: RegMix) -> dict[str, float]:
    """Point 7: shares of bounds broken, the worst break, and the gain kept of what the judge itself finds; plug-in beside."""
    judge = [process_judge(data, np.eye(13)[place]) for place in _places(data)]
    best = _judged_best(data, judge)
    natural = _losses(judge, data.natural)
    num = len(TARGETS)
    reachable = natural[:num].sum() - _losses(judge, best)[:num].sum()
    row = np.r_[natural[:num], list(LEVELS.values())]
    found: dict[str, list[F64]] = {"": [], "_plug_in": []}
    for seed in SEEDS:
        asked = _fitted(data, seed, row)
        plugged = Predictor(tuple(Certain(fit) for fit in asked.predictor.fits), asked.predictor.correlation)
        for name, predictor in (("", asked.predictor), ("_plug_in", plugged)):
            found[name].append(_losses(judge, asked.optimum(data, predictor)))
    figures = {}
    for name, marks in found.items():
        losses = np.stack(marks)
        passed = losses[:, num:] - np.array(list(LEVELS.values())) - SLACK
        gain = natural[:num].sum() - losses[:, :num].sum(axis=1)
        figures[f"retention_violations{name}"] = float((passed > 0).mean())
        figures[f"retention_worst_nats{name}"] = float(max(passed.max(), 0.0))
        figures[f"retention_gain_kept{name}"] = float(gain.mean() / reachable)
    return figures


def seconds(data: RegMix) -> dict[str, float]:
    """Seconds of one core for one constrained optimum, the median of five."""
    weights, losses = all_runs(data)
    nearest = losses[hellinger(data.natural[None], weights)[0].argmin()]
    taken = []
    for seed in SEEDS[:5]:
        asked = _fitted(data, seed, nearest[_places(data)])
        began = time.process_time()
        asked.optimum(data, asked.predictor)
        taken.append(time.process_time() - began)
    return {"solve_seconds": float(np.median(taken))}


@dataclass(frozen=True)
class Asked:
    """The laws of one subset of runs (weights [33, 17]), with its seed."""

    seed: int
    weights: F64
    predictor: Predictor
    power: list[Sloped]

    def optimum(self, data: RegMix, predictor: Predictor) -> F64:
        """The optimum [17] within the three bounds, by a predictor."""
        bounds = bounds_of(data, SLACK, COLUMNS)
        return optimum(data, self.weights, predictor, self.power, COMBINATION, bounds, self.seed)


def _places(data: RegMix) -> list[int]:
    return [data.metrics.index(name) for name in METRICS]


def _fitted(data: RegMix, seed: int, row: F64) -> Asked:
    """The laws of 32 runs and the natural mixture, whose losses [7] are `row`."""
    runs, places = data.subset(seed, RUNS), _places(data)
    weights = np.vstack([data.train[runs], data.natural[None]])
    losses = np.vstack([data.train_losses[np.ix_(runs, places)], row[None]])
    groups = np.arange(len(weights))
    fitted = [fit_metric(weights, losses[:, d], groups, data.own[place]) for d, place in enumerate(places)]
    return Asked(seed, weights, predictor_of(fitted, losses), power_of(fitted))


def _losses(judge: list[FittedAverage], mixture: F64) -> F64:
    """The judge's losses [7] of one mixture [17]."""
    return np.array([law.predict(mixture[None])[0] for law in judge])


def _judged_best(data: RegMix, judge: list[FittedAverage]) -> F64:
    """The mixture [17] that the judge itself finds best within the bounds."""
    certain = Predictor(tuple(Certain(law) for law in judge), np.eye(len(judge)))
    second = power_judge(data)
    power = [second[data.metrics.index(name)] for name in METRICS]
    return optimum(data, data.train, certain, power, COMBINATION, bounds_of(data, SLACK, COLUMNS))
