"""Does the mixture that midmix chooses win? Real text, a ladder of small proxies, and a larger one that has the last word.

    python benchmarks/decision.py --out decision-run --json decision.json --table runs.parquet

On the demo corpus, 24 designed mixtures train at three sizes, branched from one base per size (trained on replay to the end
of its stable phase), five seeds each. The product chooses a mixture for each of five objectives from the runs of the largest
of the three sizes, retention bounded; that is written down, and then a larger proxy trains on replay, natural, uniform,
UniMax, five designed mixtures and the chosen ones, five seeds each, branched from its own base. What is declared before
any run stands in decision_setting.py, what is compared in decision_figures.py.

Every batch of runs is kept under --out, so that a killed benchmark goes on where it was. Two processes of one thread.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from decision_choose import METRICS, Choice, choose, designed, foretell
from decision_corpus import make_run
from decision_figures import Outcome, covered, headline, objective_rows, rank_agreement
from decision_runs import REPLAY, Planned, batches, design_table, losses_of, planned, read_plan, values_of, write_plan
from decision_setting import FINAL, OBJECTIVES, Setting, Size, keep_setting
from decision_tables import print_choices, print_intervals, print_means, print_ranks, run_rows
from decision_train import Batch, cpu_seconds, train_base, train_batch

from midmix.mixer.design.inputs import MixtureInputs, inputs_of
from midmix.mixer.optimize.step import reference_mixtures
from midmix.mixer.simplex import F64
from midmix.run import open_run

PROCESSES = 2
REFERENCES = (REPLAY, "natural", "uniform", "temperature")  # those of the design that have names
DESIGNED = "design-"  # and the others
SAME_WEIGHT = 2e-6
Job = tuple[Callable[..., Any], tuple[Any, ...]]


def main() -> None:
    """Do what is not done yet and print the tables; with --json write the figures, with --table all runs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the corpus, its run and all results")
    parser.add_argument("--megabytes", type=float, default=36, help="size of the demo corpus")
    parser.add_argument("--seed", type=int, default=FINAL.seed, help="another seed than the final one makes a pilot")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--table", type=Path, help="parquet file of all runs made")
    arguments = parser.parse_args()
    setting = replace(FINAL, seed=arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    keep_setting(arguments.out, setting)
    figures = decide(arguments.out, setting, make_run(arguments.out, arguments.megabytes, setting))
    if arguments.table:
        pq.write_table(all_runs(arguments.out, setting), arguments.table)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def decide(out: Path, setting: Setting, folder: Path) -> dict[str, float]:
    """All runs on the text of the run folder, each printed step by step; the figures."""
    inputs = inputs_of(open_run(folder), "design")
    replay = dict(zip(inputs.supply.domains, plan_swarm(out, setting, inputs), strict=True))
    perform([(train_base, (folder, out, setting, size, replay)) for size in reversed(setting.sizes)], "bases")
    swarm = batches_of(out / "swarm.json", setting)
    perform([(train_batch, (folder, out, setting, batch)) for batch in swarm], "swarm")
    choices = choose_all(out, setting, inputs)
    plan_larger(out, setting, inputs, choices)
    larger = batches_of(out / "larger.json", setting)
    perform([(train_batch, (folder, out, setting, batch)) for batch in larger], "larger proxy")
    return report(out, setting, inputs, choices)


def perform(jobs: Sequence[Job], what: str) -> list[Any]:
    """Jobs in two processes of one thread each; results in order."""
    start, results = time.monotonic(), []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for done, future in enumerate([pool.submit(work, *given) for work, given in jobs], start=1):
            results.append(future.result())
            print(f"{what}: {done} of {len(jobs)}, {time.monotonic() - start:.0f} s", flush=True)
    return results


def plan_swarm(out: Path, setting: Setting, inputs: MixtureInputs) -> tuple[float, ...]:
    """Write down the runs at the small sizes; the replay mixture [k]."""
    references, mixtures = reference_mixtures(inputs), {}
    for number, weights in enumerate(designed(inputs, setting).weights):
        same = (name for name in REFERENCES if np.allclose(references[name], weights, atol=SAME_WEIGHT))
        mixtures[next(same, f"{DESIGNED}{number:02d}")] = weights.tolist()
    sizes = (*setting.ladder, setting.other_vocabulary)
    runs = [run for place, size in enumerate(sizes) for run in planned(size, place, mixtures, setting.seeds)]
    write_plan(out / "swarm.json", inputs.supply.domains, runs)
    return tuple(mixtures[REPLAY])


def plan_larger(out: Path, setting: Setting, inputs: MixtureInputs, choices: dict[str, Choice]) -> None:
    """Write down the runs of the larger proxy: references, designed mixtures to foretell losses by, the chosen ones."""
    _, swarm = read_plan(out / "swarm.json")
    weights, references = {run.mixture: run.weights for run in swarm}, reference_mixtures(inputs)
    anchors = [name for name in weights if name.startswith(DESIGNED)][: setting.anchors]
    mixtures: dict[str, Sequence[float]] = {name: weights[name] for name in (REPLAY, *anchors)}
    mixtures |= {name: references[name].tolist() for name in ("natural", "uniform")}
    if np.allclose(references["unimax"], references["uniform"], atol=SAME_WEIGHT):
        print("UniMax is the uniform mixture here, since no cap binds: its runs are the same")
    else:
        mixtures["unimax"] = references["unimax"].tolist()
    mixtures |= {f"chosen-{name}": choice.weights for name, choice in choices.items()}
    runs = planned(setting.larger, len(setting.sizes), mixtures, setting.seeds)
    write_plan(out / "larger.json", inputs.supply.domains, runs)


def batches_of(path: Path, setting: Setting) -> list[Batch]:
    """The batches of a plan."""
    domains, runs = read_plan(path)
    return batches(runs, domains, setting.sizes, setting)


def runs_at(out: Path, plan: str, size: Size, setting: Setting) -> tuple[list[Planned], pa.Table, pa.Table]:
    """The runs of a plan at one size, as DESIGNS, and their LOSSES."""
    domains, runs = read_plan(out / plan)
    mine = [run for run in runs if run.size == size.name]
    return mine, design_table(mine, domains), losses_of(out, batches(mine, domains, [size], setting))


def choose_all(out: Path, setting: Setting, inputs: MixtureInputs) -> dict[str, Choice]:
    """The mixture for each objective, from the runs of the deciding size; written down, and read where it is."""
    path = out / "chosen.json"
    if not path.exists():
        _, designs, losses = runs_at(out, "swarm.json", setting.deciding, setting)
        jobs = [(choose, (inputs, designs, losses, objective, setting)) for objective in OBJECTIVES]
        found = dict(zip(OBJECTIVES, perform(jobs, "choices"), strict=True))
        path.write_text(json.dumps({n: asdict(c) for n, c in found.items()}, indent=1) + "\n", encoding="utf-8")
    stored = json.loads(path.read_text(encoding="utf-8"))
    return {name: Choice(**{**row, "weights": tuple(row["weights"])}) for name, row in stored.items()}


def outcome(out: Path, plan: str, size: Size, setting: Setting) -> Outcome:
    """What the runs of a plan at one size measured."""
    runs, _, losses = runs_at(out, plan, size, setting)
    return Outcome(runs, values_of(losses, runs, METRICS))


def report(out: Path, setting: Setting, inputs: MixtureInputs, choices: dict[str, Choice]) -> dict[str, float]:
    """Print what came out; the figures."""
    larger = outcome(out, "larger.json", setting.larger, setting)
    rows = objective_rows(larger, choices)
    print_choices(rows, choices, inputs.supply.domains)
    print_means(larger)
    held = hold_intervals(out, setting, inputs, larger)
    small = {
        size.name: outcome(out, "swarm.json", size, setting) for size in (*setting.ladder, setting.other_vocabulary)
    }
    print_ranks(rank_agreement({**small, setting.larger.name: larger}))
    figures = headline(rows, held) | {"decision_training_core_minutes": sum(cpu_seconds(out).values()) / 60}
    print()
    for key, value in figures.items():
        print(f"{key:<40} {value:>12.4g}")
    return figures


def hold_intervals(out: Path, setting: Setting, inputs: MixtureInputs, larger: Outcome) -> F64:
    """Losses at the larger size foretold from the deciding size's runs and the anchors', held against the other runs."""
    domains, _ = read_plan(out / "larger.json")
    small, _, small_losses = runs_at(out, "swarm.json", setting.deciding, setting)
    runs, _, losses = runs_at(out, "larger.json", setting.larger, setting)
    anchors = [run for run in runs if run.mixture == REPLAY or run.mixture.startswith(DESIGNED)]
    weights = {run.mixture: run.weights for run in runs if run not in anchors}
    used = losses.filter(pa.compute.is_in(losses["run"], pa.array([run.number for run in anchors], pa.int32())))
    designs = design_table([*small, *anchors], domains)
    foretold = foretell(inputs, designs, pa.concat_tables([small_losses, used]), np.array(list(weights.values())))
    held = covered(larger, list(weights), foretold)
    print_intervals(list(weights), foretold, held, larger)
    return held


def all_runs(out: Path, setting: Setting) -> pa.Table:
    """One row per run made at any size."""
    rows = []
    for plan, sizes in (
        ("swarm.json", (*setting.ladder, setting.other_vocabulary)),
        ("larger.json", (setting.larger,)),
    ):
        domains, _ = read_plan(out / plan)
        for size in sizes:
            made = outcome(out, plan, size, setting)
            rows += run_rows(made.runs, made.losses, domains)
    return pa.Table.from_pylist(rows)


if __name__ == "__main__":
    main()
