"""Which runs to make: drawn at random, spread out, or spread out first and then where most is expected.

Regret of the mixture that the default law ranks first among the 256 test mixtures, which nobody has run, in sds of the
objective, for one loss (Pile-CC) and for the mean of 13. Candidates are the 512 training mixtures, of which 448 are drawn
anew for each of four seeds; the sequential form starts from 16 and adds 8 twice.
"""

from __future__ import annotations

import numpy as np
from mixing_data import RegMix
from threadpoolctl import threadpool_limits

from midmix.mixer.design.sequential import choose_next
from midmix.mixer.design.space_filling import k_center
from midmix.mixer.fit.correlation import error_correlation, heldout_errors
from midmix.mixer.fit.heldout import fit_metric
from midmix.mixer.laws import DEFAULT, LAWS
from midmix.mixer.optimize.predictor import Predictor
from midmix.mixer.simplex import F64, I64, mixture_groups

SEEDS, START, BATCH, TOTAL, DRAWS = range(4), 16, 8, 32, 512
POOL = 448


def designs(data: RegMix) -> dict[str, float]:
    """`design_FORM_OBJECTIVE`: regret in sds, mean over seeds."""
    combinations = {"cc": np.eye(13)[data.metrics.index("pile_cc")], "mean13": np.full(13, 1 / 13)}
    found: dict[str, list[float]] = {}
    with threadpool_limits(1):
        for seed in SEEDS:
            pool = np.sort(np.random.default_rng(seed).choice(512, POOL, replace=False))
            centres = pool[k_center(data.train[pool], data.natural[None], TOTAL)]
            for name, combination in combinations.items():
                chosen = {
                    "random": np.random.default_rng(seed).choice(pool, TOTAL, replace=False),
                    "space_filling": centres,
                    "sequential": _sequential(data, pool, centres[:START], combination, seed),
                }
                for form, runs in chosen.items():
                    found.setdefault(f"design_{form}_{name}", []).append(_regret(data, runs, combination))
    return {name: float(np.mean(values)) for name, values in found.items()}


def _sequential(data: RegMix, pool: I64, runs: I64, combination: F64, seed: int) -> I64:
    parts = np.flatnonzero(combination)
    while len(runs) < TOTAL:
        weights, losses = data.train[runs], data.train_losses[runs][:, parts]
        fits = [
            fit_metric(weights, y, mixture_groups(weights), data.own[d]) for d, y in zip(parts, losses.T, strict=True)
        ]
        predictor = Predictor(tuple(f.calibrated for f in fits), error_correlation(heldout_errors(fits, losses)))
        draws = predictor.draws(data.train[pool], combination[parts], DRAWS, seed)
        choice = choose_next(draws, np.isin(pool, runs), np.ones(len(pool), dtype=bool), BATCH)
        runs = np.concatenate([runs, pool[choice.chosen]])
        if len(choice.chosen) < BATCH:
            break
    return runs


def _regret(data: RegMix, runs: I64, combination: F64) -> float:
    parts = np.flatnonzero(combination)
    predicted = np.column_stack(
        [
            LAWS[DEFAULT].fit(data.train[runs], data.train_losses[runs, d], own=data.own[d]).predict(data.test)
            for d in parts
        ]
    )
    truth = data.test_losses @ combination
    first = truth[int(np.argmin(predicted @ combination[parts]))]
    return float((first - truth.min()) / truth.std())
