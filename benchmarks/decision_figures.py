"""What the decision benchmark compares, from the runs alone: gains in units of noise, retention, intervals, ranks.

The noise floor of an objective is the standard deviation over seeds of one mixture at the larger size, pooled over all
mixtures that were run there. A gain is the difference of two means over seeds. An interval is that of a single run, and
it is held against each single run; mixtures whose runs placed it (the anchors) do not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from decision_choose import METRICS, Choice, Foretold
from decision_runs import REPLAY, Planned
from decision_setting import MAX_RISE, OBJECTIVES, RETAINED
from scipy.stats import spearmanr

from midmix.mixer.fit.swarm import noise_sd
from midmix.mixer.simplex import F64

REFUSED = "not supported"


@dataclass(frozen=True)
class Outcome:
    """Runs of one size and their losses [runs, METRICS], bits per byte."""

    runs: Sequence[Planned]
    losses: F64

    def objective(self, name: str) -> F64:
        """Losses [runs] of an objective."""
        found: F64 = self.losses @ np.array([OBJECTIVES[name].get(metric, 0.0) for metric in METRICS])
        return found

    def mean(self, mixture: str, values: F64) -> float:
        """Mean of `values` [runs] over the seeds of a mixture."""
        return float(values[[run.mixture == mixture for run in self.runs]].mean())

    def noise(self, values: F64) -> float:
        """Deviation of `values` [runs] over the seeds of one mixture, pooled."""
        names = sorted({run.mixture for run in self.runs})
        found = noise_sd(values, np.array([names.index(run.mixture) for run in self.runs]))
        return float("nan") if found is None else found


@dataclass(frozen=True)
class Row:
    """One objective at the larger size: losses in bits per byte, gains in sds of noise."""

    objective: str
    verdict: str
    noise: float
    chosen: float
    natural: float
    uniform: float
    rise: float
    beats_natural_sd: float
    beats_uniform_sd: float

    @property
    def retained(self) -> bool:
        """Whether the mean rise of the retained set over replay stayed within its bound."""
        return self.rise <= MAX_RISE


def objective_rows(larger: Outcome, choices: Mapping[str, Choice]) -> list[Row]:
    """Each objective's chosen mixture against natural and uniform, as measured."""
    rows = []
    retained = larger.losses[:, METRICS.index(f"set:{RETAINED}")]
    for name, choice in choices.items():
        values, mixture = larger.objective(name), f"chosen-{name}"
        noise = larger.noise(values)
        chosen, natural, uniform = (larger.mean(other, values) for other in (mixture, "natural", "uniform"))
        rise = larger.mean(mixture, retained) - larger.mean(REPLAY, retained)
        gains = ((natural - chosen) / noise, (uniform - chosen) / noise)
        rows.append(Row(name, choice.verdict, noise, chosen, natural, uniform, rise, *gains))
    return rows


def covered(larger: Outcome, mixtures: Sequence[str], foretold: Foretold) -> F64:
    """Which runs [n, seeds, metrics] of `mixtures` [n] lie within their mixture's interval."""
    held = []
    for place, mixture in enumerate(mixtures):
        mine = larger.losses[[run.mixture == mixture for run in larger.runs]]
        held.append((mine >= foretold.low[place]) & (mine <= foretold.high[place]))
    return np.stack(held).astype(np.float64)


def rank_agreement(sizes: Mapping[str, Outcome]) -> dict[str, dict[str, float]]:
    """Spearman's correlation of mixtures' mean losses by pair of sizes and objective, over the mixtures of both."""
    found = {}
    for (left, a), (right, b) in combinations(sizes.items(), 2):
        names = {run.mixture for run in b.runs}
        shared = list(dict.fromkeys(run.mixture for run in a.runs if run.mixture in names))
        found[f"{left} and {right}"] = {
            name: float(
                spearmanr(
                    [a.mean(mixture, a.objective(name)) for mixture in shared],
                    [b.mean(mixture, b.objective(name)) for mixture in shared],
                )[0]
            )
            for name in OBJECTIVES
        }
    return found


def headline(rows: Sequence[Row], held: F64) -> dict[str, float]:
    """The figures of --json: mean gains over the objectives that the tool did not refuse, and what intervals held."""
    spoken = [row for row in rows if row.verdict != REFUSED]
    none = float("nan")
    return {
        "decision_beats_natural_sd": float(np.mean([r.beats_natural_sd for r in spoken])) if spoken else none,
        "decision_beats_uniform_sd": float(np.mean([r.beats_uniform_sd for r in spoken])) if spoken else none,
        "decision_least_gain_sd": min((min(r.beats_natural_sd, r.beats_uniform_sd) for r in spoken), default=none),
        "decision_retained": float(np.mean([row.retained for row in spoken])) if spoken else none,
        "decision_refused": float(len(rows) - len(spoken)),
        "decision_coverage": float(held.mean()),
    }
