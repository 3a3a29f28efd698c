"""A run's results so far -> the mixtures worth a run next, or the word that none is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from midmix.errors import InputError
from midmix.mixer.design.inputs import MixtureInputs, inputs_of
from midmix.mixer.design.pool import dirichlet_pool, group_numbers
from midmix.mixer.design.sequential import choose_next
from midmix.mixer.fit.scales import at_larger_scale
from midmix.mixer.fit.swarm import Swarm, noise_sd, read_swarm
from midmix.mixer.optimize.problem import Evidenced, Goals, Problem, bounds_of, gather_evidence
from midmix.mixer.optimize.step import goal_settings
from midmix.mixer.simplex import F64, Mask, round_weights
from midmix.run import Run
from midmix.table_files import read_table
from midmix.tables import DESIGNS, LOSSES

MIN_MIXTURES = 8  # fewer say nothing of where to look
POOL_SIZE, NEAR, EACH, CONCENTRATION = 512, 8, 16, 300.0
DRAWS = 512
BROKEN = 1e-6  # of a limit, by rounding


@dataclass(frozen=True)
class Next:
    """Mixtures [b, k] to run and the improvement each is expected to add; `regret` and `noise` decide whether to stop."""

    weights: F64
    improvement: F64
    regret: float
    noise: float

    @property
    def enough(self) -> bool:
        """Whether what is still to be gained is less than one run differs from another of its mixture."""
        return self.regret < self.noise


def next_runs(run: Run, size: int) -> Next:
    """The next `size` runs for the targets of the run's config. Raises InputError where too few runs are evidence."""
    inputs = inputs_of(run, "design")
    asked = goal_settings(run.config.require("mixture", "design"))
    goals = Goals(*({n: (m, w) for n, (m, w) in asked[kind].items()} for kind in ("targets", "retain")))
    swarm = at_larger_scale(
        read_swarm(read_table(run.folder, DESIGNS), read_table(run.folder, LOSSES), inputs.supply.domains),
        goals.metrics,
    )
    if swarm.num_mixtures < MIN_MIXTURES:
        raise InputError(
            f"{run.folder}: {swarm.num_mixtures} mixtures have results, expected {MIN_MIXTURES} or more before the next are "
            f"chosen by them. Run the steps design and train first."
        )
    with threadpool_limits(1):
        return propose(gather_evidence(swarm, goals), inputs, size, seed=run.config.seed)


def propose(evidence: Evidenced, inputs: MixtureInputs, size: int, *, seed: int) -> Next:
    """The next `size` runs, by the evidence so far."""
    swarm, goals = evidence.swarm, evidence.goals
    predictor, limits = evidence.predictor(), inputs.limits
    problem = Problem(predictor, goals.target_weights, limits, bounds_of(goals, swarm, inputs.replay))
    tried = np.unique(swarm.weights, axis=0)
    pool = dirichlet_pool(inputs.supply.tokens, limits.domain_high, POOL_SIZE, seed, group_numbers(swarm.domains))
    points = np.vstack([tried, limits.nearest(pool)])
    points = np.vstack(
        [points, limits.nearest(_near_best(points, predictor.objective(points, goals.target_weights), seed))]
    )
    allowed: Mask = np.array([limits.broken(w) <= BROKEN for w in points]) & (problem.excess(points) <= 0)
    if not allowed.any():
        raise InputError(
            "no mixture keeps to the limits and bounds by the laws so far; `midmix run --from optimize` says why"
        )
    draws = predictor.draws(points, goals.target_weights, DRAWS, seed)
    found = choose_next(draws, np.arange(len(points)) < len(tried), allowed, size)
    weights = np.array([round_weights(points[i], limits.domain_high) for i in found.chosen])
    return Next(
        weights.reshape(-1, len(swarm.domains)), found.improvement, found.regret, _noise(swarm, evidence, goals)
    )


def _near_best(points: F64, objective: F64, seed: int) -> F64:
    """Mixtures about those of least expected loss."""
    rng = np.random.default_rng(seed)
    best = points[np.argsort(objective, kind="stable")[:NEAR]]
    return np.vstack([rng.dirichlet(weights * CONCENTRATION + 1e-3, EACH) for weights in best])


def _noise(swarm: Swarm, evidence: Evidenced, goals: Goals) -> float:
    """Deviation of the objective over seeds, from repeats; from the laws' own estimates where nothing was repeated."""
    measured = noise_sd(evidence.losses @ goals.target_weights, swarm.replicates)
    if measured is not None:
        return measured
    return float(
        np.sqrt(
            sum((w * fit.calibrated.noise_sd) ** 2 for w, fit in zip(goals.target_weights, evidence.fits, strict=True))
        )
    )
