"""What the decision benchmark prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from decision_choose import METRICS, Choice, Foretold
from decision_figures import Outcome, Row
from decision_runs import Planned
from decision_setting import OBJECTIVES

from midmix.mixer.simplex import F64


def print_choices(rows: Sequence[Row], choices: Mapping[str, Choice], domains: Sequence[str]) -> None:
    """Per objective the chosen shares, what the tool said, and what was measured."""
    print(f"\n{'objective':<15}{'verdict':<15}" + "".join(f"{domain:>11}" for domain in domains))
    for row in rows:
        shares = choices[row.objective].weights
        print(f"{row.objective:<15}{row.verdict:<15}" + "".join(f"{share:>11.3f}" for share in shares))
    for name, choice in choices.items():
        print(f"{name}: {choice.words}")
    columns = ("noise", "natural", "uniform", "chosen", "-natural", "-uniform", "rise", "retained")
    print("\nlarger proxy, bits per byte; gains over natural and uniform in sds between seeds of one mixture")
    print(f"{'objective':<15}" + "".join(f"{column:>10}" for column in columns))
    for row in rows:
        print(
            f"{row.objective:<15}{row.noise:>10.4f}{row.natural:>10.4f}{row.uniform:>10.4f}{row.chosen:>10.4f}"
            f"{row.beats_natural_sd:>10.1f}{row.beats_uniform_sd:>10.1f}{row.rise:>10.4f}{'yes' if row.retained else 'no':>10}"
        )


def print_means(outcome: Outcome) -> None:
    """Mean losses over seeds of every mixture at one size."""
    print(f"\n{'mean over seeds':<24}" + "".join(f"{metric:>21}" for metric in METRICS))
    for mixture in dict.fromkeys(run.mixture for run in outcome.runs):
        means = (outcome.mean(mixture, column) for column in outcome.losses.T)
        print(f"{mixture:<24}" + "".join(f"{mean:>21.4f}" for mean in means))


def print_intervals(mixtures: Sequence[str], foretold: Foretold, held: F64, outcome: Outcome) -> None:
    """Foretold against measured: the mean of the runs, the interval of one run, and how many of the runs lie in it."""
    print(f"\n{'foretold':<24}{'metric':<20}{'mean':>9}{'low':>9}{'high':>9}{'measured':>10}{'inside':>8}")
    for n, mixture in enumerate(mixtures):
        for j, metric in enumerate(METRICS):
            print(
                f"{mixture:<24}{metric:<20}{foretold.mean[n, j]:>9.4f}{foretold.low[n, j]:>9.4f}{foretold.high[n, j]:>9.4f}"
                f"{outcome.mean(mixture, outcome.losses[:, j]):>10.4f}{int(held[n, :, j].sum()):>5}/{held.shape[1]}"
            )
    by_metric = ", ".join(f"{metric} {share:.2f}" for metric, share in zip(METRICS, held.mean((0, 1)), strict=True))
    print(f"runs inside their 90% interval: {by_metric}")


def print_ranks(ranks: Mapping[str, Mapping[str, float]]) -> None:
    """Rank correlations by pair of sizes."""
    print(f"\n{'rank correlation of means':<44}" + "".join(f"{name:>15}" for name in OBJECTIVES))
    for pair, by_objective in ranks.items():
        print(f"{pair:<44}" + "".join(f"{by_objective[name]:>15.3f}" for name in OBJECTIVES))


def run_rows(runs: Sequence[Planned], losses: F64, domains: Sequence[str]) -> list[dict[str, object]]:
    """One row per run made: what it was, its shares, and its losses in bits per byte."""
    return [
        {"run": run.number, "size": run.size, "mixture": run.mixture, "seed": run.seed}
        | {f"share_{domain}": share for domain, share in zip(domains, run.weights, strict=True)}
        | dict(zip(METRICS, np.asarray(row).tolist(), strict=True))
        for run, row in zip(runs, losses, strict=True)
    ]
