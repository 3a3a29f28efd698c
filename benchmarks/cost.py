"""What a decision costs: our swarm against training RegMix's 512 runs one by one, at equal rank agreement.

    python benchmarks/cost.py --data ../shared/data/regmix --json cost.json

Two things are measured. Runs needed: the fewest designed runs among RegMix's 512 on which the default law ranks its 256 test
mixtures as well as LightGBM on all 512 (mean over 13 losses of Spearman's correlation, mean over five designs; beside it
the same for Pile-CC's loss alone, RegMix's own target). Seconds per token on this device: RegMix's own step, eager and one
model at a time, with its 50,432 ids and with 8,192; ours with 8,192 ids, one model and a batch. The ratio of device-seconds
is computed from them and split into its causes:

    fewer runs       512 / runs needed                                   measured on RegMix's runs
    shorter runs     1.0e9 / 1.0e8 tokens                                ours to choose; that runs of 0.1e9 tokens rank as
                                                                         well is not shown by RegMix's runs, all of 1e9
    smaller vocabulary   seconds of its step with 50,432 / with 8,192    measured
    step             its step with 8,192 / ours, one model               measured
    batching         our step, one model / a batch                       measured

so `cost_ratio_equal_tokens` is the ratio without the shorter runs. `--results FILE` appends the rows to a CSV, so that
figures of another device stay.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from cost_trainer import LENGTH, TOKENS_PER_STEP, VOCABULARY, Trainer
from mixing_data import NUM_TRAIN, RegMix, load_regmix
from mixing_laws import designed_subsets, mean_skill
from threadpoolctl import threadpool_limits

from midmix.mixer.laws import DEFAULT
from midmix.proxy_train.model import Models
from midmix.proxy_train.pool import Feed
from midmix.proxy_train.recipe import Recipe
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.swarm import Swarm

SIZES = (32, 64, 80, 96, 104, 112, 120, 128)  # runs tried, until they reach LightGBM's correlations
SMALL_VOCABULARY = 8_192
THEIR_TOKENS, OUR_TOKENS = 10**9, 10**8
MODELS, ROUNDS = 8, 5
COLUMNS = ("device", "torch", "figure", "value", "low", "high")  # as in every file of results
STEPS = 1000
ALL_LOSSES, PILE_CC = "mean13", "cc"


@dataclass(frozen=True)
class Agreement:
    """Rank correlation to reach, and that of the default law by number of designed runs."""

    target: float
    by_runs: dict[int, float]

    @property
    def runs(self) -> int | None:
        """The fewest runs that reach the target; None where none of those tried does."""
        return min((runs for runs, found in self.by_runs.items() if found >= self.target), default=None)


def agreements(data: RegMix) -> dict[str, Agreement]:
    """`mean13` and `cc`: how few designed runs rank as well as trees on all runs. Raises ArithmeticError where too many."""
    target = mean_skill(data, "lightgbm", [np.arange(NUM_TRAIN)], data.test_losses)
    found = {name: Agreement(target[name], {}) for name in (ALL_LOSSES, PILE_CC)}
    for size in SIZES:
        ours = mean_skill(data, DEFAULT, designed_subsets(data, size), data.test_losses)
        for name, agreement in found.items():
            agreement.by_runs[size] = ours[name]
        print(f"{size:>3} designed runs", {n: f"{ours[n]:.4f} of {a.target:.4f}" for n, a in found.items()}, flush=True)
        if all(agreement.runs for agreement in found.values()):
            return found
    raise ArithmeticError(f"{SIZES[-1]} runs do not reach the rank correlation of {NUM_TRAIN}: {found}")


def our_swarm(models: int, device: torch.device) -> Swarm:
    """Models of RegMix's body with a tied head of 8,192 ids, one sequence of 2,048 tokens a step, on random text."""
    shape = Shape(layers=2, width=256, feed_forward=512, heads=8, vocabulary=SMALL_VOCABULARY)
    generator = torch.Generator().manual_seed(0)
    blocks = torch.randint(SMALL_VOCABULARY, (16, LENGTH + 1), generator=generator, dtype=torch.int32)
    rows = torch.randint(len(blocks), (models, STEPS), generator=generator)
    recipe = Recipe(
        steps=STEPS,
        learning_rates=(4e-4,) * models,
        clips=(1.0,) * models,
        warmup_fraction=0.1,
        decay_fraction=0.0,
        weight_decay=0.1,
    )
    feed = Feed(blocks=blocks.to(device), rows_MS=rows.to(device), batch_sequences=1)
    return Swarm(Models.start(shape, [0] * models, device=device), feed, recipe)


def seconds_per_token(device: torch.device) -> dict[str, float]:
    """Median seconds of a token by form, all forms in turn: `theirs_VOCABULARY`, `ours_alone`, `ours_batch`."""
    alone, batch = our_swarm(1, device), our_swarm(MODELS, device)
    theirs = {f"theirs_{size}": Trainer(size, device) for size in (VOCABULARY, SMALL_VOCABULARY)}
    work: dict[str, tuple[Callable[[], object], int]] = {
        **{name: (trainer.micro_step, LENGTH) for name, trainer in theirs.items()},
        **{f"{name}_update": (trainer.update, TOKENS_PER_STEP) for name, trainer in theirs.items()},
        "ours_alone": (alone.advance, LENGTH),
        "ours_batch": (batch.advance, MODELS * LENGTH),
    }
    times: dict[str, list[float]] = {name: [] for name in work}
    for round_number in range(ROUNDS + 1):
        for name, (call, tokens) in work.items():
            seconds = _seconds(call, device)
            if round_number:  # the first one allocates
                times[name].append(seconds / tokens)
    median = {name: statistics.median(found) for name, found in times.items()}
    return {name: value + median.get(f"{name}_update", 0.0) for name, value in median.items() if "update" not in name}


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    """Processor seconds on a CPU, wall seconds on a GPU."""
    clock = time.process_time
    if device.type == "cuda":
        torch.cuda.synchronize()
        clock = time.perf_counter
    start = clock()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def cost_figures(found: dict[str, Agreement], seconds: dict[str, float]) -> dict[str, float]:
    """The ratio and its causes, by which it can be divided."""
    runs, runs_cc = (float(found[name].runs or math.nan) for name in (ALL_LOSSES, PILE_CC))
    large, small = seconds[f"theirs_{VOCABULARY}"], seconds[f"theirs_{SMALL_VOCABULARY}"]
    causes = {
        "cost_fewer_runs": NUM_TRAIN / runs,
        "cost_shorter_runs": THEIR_TOKENS / OUR_TOKENS,
        "cost_smaller_vocabulary": large / small,
        "cost_step": small / seconds["ours_alone"],
        "cost_batching": seconds["ours_alone"] / seconds["ours_batch"],
    }
    theirs = NUM_TRAIN * THEIR_TOKENS * large
    ours = runs * OUR_TOKENS * seconds["ours_batch"]
    return {
        "cost_ratio": theirs / ours,
        "cost_ratio_equal_tokens": theirs / ours / causes["cost_shorter_runs"],
        **causes,
        "cost_runs_needed": runs,
        "cost_runs_needed_pile_cc": runs_cc,
        "cost_rank_correlation": found[ALL_LOSSES].by_runs[int(runs)],
        "cost_rank_correlation_lightgbm_512": found[ALL_LOSSES].target,
        "cost_device_days_theirs": theirs / 86_400,
        "cost_device_days_ours": ours / 86_400,
        **{f"cost_tokens_per_second_{name}": 1 / value for name, value in seconds.items()},
    }


def append_rows(path: Path, device: str, figures: dict[str, float]) -> None:
    """Add the figures to a CSV file, a row each; they have no ends `low` and `high`."""
    is_new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        if is_new:
            writer.writerow(COLUMNS)
        writer.writerows((device, torch.__version__, name, f"{value:.6g}", "", "") for name, value in figures.items())


def device_name(device: torch.device) -> str:
    """The GPU's name, or that of the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, one core"


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of RegMix's CSV files")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--results", type=Path, help="CSV file to append the rows to")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with threadpool_limits(1):
        found = agreements(load_regmix(arguments.data))
        figures = cost_figures(found, seconds_per_token(device))
    print(f"computed, on {device_name(device)}, torch {torch.__version__}")
    for key, value in figures.items():
        print(f"{key:<42} {value:>12.5g}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if arguments.results:
        append_rows(arguments.results, device_name(device), figures)


if __name__ == "__main__":
    main()
