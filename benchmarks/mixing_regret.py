"""Point 6: what a decision under constraints costs, decided among the 256 test mixtures and paid in their measured losses.

The losses on Pile-CC, Wikipedia and PG-19 may not pass the natural mixture's (constants, since judges differ by up to 0.06 on it) by more than
0.3; objectives are each of the 13 losses and the mean of those that are not constrained; 64 runs, 20 seeds. A pick is
charged its loss above the best feasible one, in nats; one that breaks a
constraint is charged what the worst feasible mixture costs, since raw regret rewards breaking them.
"""

from __future__ import annotations

import numpy as np
from mixing_data import RegMix
from mixing_judge import Certain
from mixing_laws import fits
from mixing_proposals import limits_of

from midmix.mixer.laws import LAWS
from midmix.mixer.optimize.predictor import Believed, Predictor
from midmix.mixer.optimize.problem import Bound, Problem, joint_margin
from midmix.mixer.optimize.search import best_first
from midmix.mixer.simplex import F64, hellinger

LEVELS = {"pile_cc": 5.383, "wikipedia_en": 5.382, "gutenberg_pg_19": 5.152}
SLACK = 0.3
SEEDS, RUNS = range(20), 64


def bounds_of(data: RegMix, slack: float, columns: dict[str, int]) -> tuple[Bound, ...]:
    """The three bounds; `columns` maps losses to columns of the predictor."""
    return tuple(Bound(name, columns[name], level, slack, joint_margin(len(LEVELS))) for name, level in LEVELS.items())


def objectives(data: RegMix) -> F64:
    """Combinations [14, 13]: each loss, and the mean of those without a bound."""
    free = np.array([metric not in LEVELS for metric in data.metrics], dtype=np.float64)
    return np.vstack([np.eye(len(data.metrics)), free / free.sum()])


def charge(data: RegMix, picks: list[int]) -> tuple[F64, F64]:
    """Penalised regret [14] of one pick per objective, and whether it is infeasible [14]."""
    truth = data.test_losses
    feasible = np.all([truth[:, data.metrics.index(m)] <= level + SLACK for m, level in LEVELS.items()], axis=0)
    regret, infeasible = [], []
    for combination, pick in zip(objectives(data), picks, strict=True):
        loss = truth @ combination
        best, worst = loss[feasible].min(), loss[feasible].max()
        charged = loss[pick] if feasible[pick] else worst
        regret.append(charged - best)
        infeasible.append(not feasible[pick])
    return np.array(regret), np.array(infeasible, dtype=np.float64)


def picks_of(data: RegMix, laws: list[Believed]) -> list[int]:
    """The test mixture that laws of the 13 losses choose for each objective, by the product's rule for bounds."""
    predictor = Predictor(tuple(laws), np.eye(len(laws)))
    bounds = bounds_of(data, SLACK, {name: data.metrics.index(name) for name in LEVELS})
    excess = Problem(predictor, np.zeros(len(laws)), limits_of(data), bounds).excess(data.test)
    losses = predictor.mean(data.test)
    return [int(best_first(losses @ combination, excess)[0]) for combination in objectives(data)]


def regret(data: RegMix) -> dict[str, float]:
    """Point 6: penalised regret and share of infeasible picks, ours and the peers'."""
    charged: dict[str, list[tuple[F64, F64]]] = {}

    def note(name: str, picks: list[int]) -> None:
        charged.setdefault(name, []).append(charge(data, picks))

    note("natural_nearest", [int(hellinger(data.natural[None], data.test)[0].argmin())] * len(objectives(data)))
    for seed in SEEDS:
        runs = data.subset(seed, RUNS)
        weights, losses = data.train[runs], data.train_losses[runs]
        fitted = fits(data, runs)
        note("", picks_of(data, [fit.calibrated for fit in fitted]))
        note("plug_in", picks_of(data, [Certain(fit.calibrated) for fit in fitted]))
        peers = {
            name: [LAWS[name].fit(weights, losses[:, m], own=own) for m, own in enumerate(data.own)]
            for name in ("log_linear", "lightgbm")
        }
        note("olmix_plug_in", picks_of(data, [Certain(law) for law in peers["log_linear"]]))
        note("olmix_margin", picks_of(data, peers["log_linear"]))
        note("lightgbm_plug_in", picks_of(data, [Certain(law) for law in peers["lightgbm"]]))
    figures = {}
    for name, marks in charged.items():
        suffix = f"_{name}" if name else ""
        figures[f"regret_64_penalised{suffix}"] = float(np.mean([mark[0] for mark in marks]))
        figures[f"infeasible_64{suffix}"] = float(np.mean([mark[1] for mark in marks]))
    return figures
