"""How fast does a batch of proxies train, against the same models one after the other?

    taskset -c 0 python benchmarks/swarm.py --json OUT.json

Peers are in swarm_peers.py: plain eager torch, the same compiled forward and backward with torch's fused AdamW, its whole
step with AdamW and clip compiled as one graph, on a CPU that graph called from C++ as well, and the step of RegMix's
trainer, which reads every loss. The fastest of the compiled ones is the peer of the ratios. Text is random, since speed does
not depend on it. In a round every form steps for half a second, in an order that turns, so that other load meets all; times
are processor seconds of one pinned thread on a CPU, wall seconds on a GPU; a ratio is of one round, and its median, quartiles
and ends are printed. A row per figure is appended to benchmarks/results/swarm.csv.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from swarm_peers import peers
from threadpoolctl import threadpool_limits

from midmix.proxy_train.model import Models
from midmix.proxy_train.pool import Feed
from midmix.proxy_train.recipe import Recipe
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.swarm import Swarm

RESULTS = Path(__file__).parent / "results" / "swarm.csv"
FIELDS = ("device", "torch", "figure", "value", "low", "high")
SHAPES = {
    "nano": Shape(layers=2, width=64, feed_forward=128, heads=2, vocabulary=512),
    "1M": Shape(layers=2, width=256, feed_forward=512, heads=8, vocabulary=2048),
    "1M-8k": Shape(layers=2, width=256, feed_forward=512, heads=8, vocabulary=8192),
    "1M-50k": Shape(layers=2, width=256, feed_forward=512, heads=8, vocabulary=50432),
    "30M-8k": Shape(layers=4, width=256, feed_forward=768, heads=8, vocabulary=8192),
    "60M-8k": Shape(layers=10, width=768, feed_forward=1536, heads=12, vocabulary=8192),
}
STEPS = 20_000
BLOCKS = 512
# A round of a form: other work on the host comes and goes in tens of milliseconds.
ROUND_SECONDS = 0.5
COMPILED = ("compiled", "compiled_whole", "compiled_cpp")
# Products in bf16 without sparsity, by the makers' data sheets.
PEAK_FLOPS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}


@dataclass(frozen=True)
class Case:
    """One cell of the grid: a step of one model has `sequences` x `length` tokens."""

    shape: str
    sequences: int
    length: int
    models: int = 16

    @property
    def tokens(self) -> int:
        """Tokens of one step of one model."""
        return self.sequences * self.length

    @property
    def name(self) -> str:
        """As in the figures."""
        return f"{self.shape} x {self.models}, {self.tokens} tokens"


CPU = (
    *(Case("nano", *size) for size in ((1, 32), (1, 128), (4, 128), (16, 128))),
    *(Case("1M", *size) for size in ((1, 64), (4, 128), (16, 128))),
)
GPU = tuple(
    Case(shape, tokens // min(tokens, 2048), min(tokens, 2048), models)
    for shape in ("1M-8k", "1M-50k", "30M-8k", "60M-8k")
    for tokens in (512, 2048, 16384)
    for models in (1, 8, 32)
    if tokens * models <= 2**17
)


def make_swarm(shape: Shape, models: int, sequences: int, length: int, device: torch.device) -> Swarm:
    """A batch of `models` proxies that is ready to step STEPS times on random text."""
    generator = torch.Generator().manual_seed(0)
    blocks = torch.randint(shape.vocabulary, (BLOCKS, length + 1), generator=generator, dtype=torch.int32)
    rows = torch.randint(BLOCKS, (models, STEPS * sequences), generator=generator)
    recipe = Recipe(
        steps=STEPS,
        learning_rates=(1e-3,) * models,
        clips=(1.0,) * models,
        warmup_fraction=0.05,
        decay_fraction=0.5,
        weight_decay=0.1,
    )
    feed = Feed(blocks=blocks.to(device), rows_MS=rows.to(device), batch_sequences=sequences)
    return Swarm(Models.start(shape, [0] * models, device=device), feed, recipe)


def forms_of(case: Case, device: torch.device) -> dict[str, Callable[[], Any]]:
    """One step of all models in each form."""
    shape = SHAPES[case.shape]
    swarm = make_swarm(shape, case.models, case.sequences, case.length, device)

    def stepping(trainers: list[Any]) -> Callable[[], Any]:
        def step() -> list[torch.Tensor]:
            # the batch goes first in every round, and the others read the text that it has just read
            tokens, targets = (x.contiguous() for x in swarm.feed.batch(swarm.step - 1))
            return [trainer(tokens[m], targets[m]) for m, trainer in enumerate(trainers)]

        return step

    others = peers(shape, case.models, case.length, device)
    return {"batch": swarm.advance} | {name: stepping(trainers) for name, trainers in others.items()}


def seconds_of(work: Callable[[], object], repeats: int, device: torch.device) -> float:
    """Of one step, mean of `repeats`: processor seconds on a CPU, wall seconds on a GPU."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = clock()
    for _ in range(repeats):
        work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (clock() - start) / repeats


def measure(case: Case, seconds: float, device: torch.device) -> dict[str, Any]:
    """Times of every form in turn, for about `seconds` and at least five rounds, after steps that compile and allocate."""
    forms = forms_of(case, device)
    first_losses = {name: [float(x) for x in work()] for name, work in forms.items()}
    for name, losses in first_losses.items():
        if max(abs(a - b) for a, b in zip(losses, first_losses["eager"], strict=True)) > (
            0.05 if device.type == "cuda" else 1e-4
        ):
            raise RuntimeError(
                f"{case.name}: {name} begins at losses {losses[:2]}, eager at {first_losses['eager'][:2]}"
            )
    peak = {}
    for name, work in forms.items():
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        work()
        peak[name] = torch.cuda.max_memory_allocated() if device.type == "cuda" else 0
    repeats = {name: max(1, round(ROUND_SECONDS / seconds_of(work, 2, device))) for name, work in forms.items()}
    times: dict[str, list[float]] = {name: [] for name in forms}
    order, begun = list(forms), time.perf_counter()
    while len(times["batch"]) < 5 or time.perf_counter() - begun < seconds:
        for name in order:
            times[name].append(seconds_of(forms[name], repeats[name], device))
        order.append(order.pop(0))
    best = min((name for name in COMPILED if name in times), key=lambda name: statistics.median(times[name]))
    return {"case": case, "times": times, "peer": best, "peak_bytes": peak}


def ratios(found: dict[str, Any], peer: str) -> list[float]:
    """Time of a peer over time of the batch, round by round."""
    times = found["times"]
    return [theirs / ours for ours, theirs in zip(times["batch"], times[peer], strict=True)]


def flops_of(case: Case) -> float:
    """Operations of one step of all models: six a weight and token in products, and causal attention's twelve."""
    shape = SHAPES[case.shape]
    # the tied embedding multiplies once, as head; the gains of the norms are next to nothing
    attention = 6 * shape.layers * shape.heads * shape.head_width * case.length
    return float(case.models * case.tokens * (6 * shape.num_decayed + attention))


def rows_of(found: dict[str, Any], device_name: str) -> list[dict[str, Any]]:
    """Figures of one case: tokens a second of each form, ratios to peers, on a GPU MFU and peak memory."""
    case, times = found["case"], found["times"]
    rows = []
    for name, seconds in times.items():
        speeds = [case.models * case.tokens / value for value in seconds]
        rows.append((f"{case.name}: {name} tokens/s", statistics.median(speeds), min(speeds), max(speeds)))
        if found["peak_bytes"][name]:
            rows.append((f"{case.name}: {name} peak GB", found["peak_bytes"][name] / 1e9, None, None))
    for name in times:
        if name != "batch":
            each = ratios(found, name)
            rows.append((f"{case.name}: batch over {name}", statistics.median(each), min(each), max(each)))
    peak = next((value for key, value in PEAK_FLOPS.items() if key in device_name), None)
    if peak:
        used = flops_of(case) / statistics.median(times["batch"]) / peak
        rows.append((f"{case.name}: batch MFU", used, None, None))
    return [dict(zip(FIELDS[2:], row, strict=True)) for row in rows]


def summary(all_found: list[dict[str, Any]]) -> dict[str, float]:
    """What the batch must show on a CPU: medians over the stronger compiled peer."""
    medians = {(f["case"].shape, f["case"].tokens): statistics.median(ratios(f, f["peer"])) for f in all_found}
    tiny = medians.get(("nano", 32))
    others = [value for key, value in medians.items() if key != ("nano", 32)]
    figures = {} if tiny is None else {"cpu_batched_over_compiled_32": tiny}
    return figures | ({"cpu_batched_over_compiled_large": min(others)} if others else {})


def device_name(device: torch.device) -> str:
    """What the results are filed under."""
    if device.type == "cuda":
        return torch.cuda.get_device_name()
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else 'CPU'}, one core"


def append(rows: list[dict[str, Any]]) -> None:
    """Add rows to the results, which other devices' runs have written as well."""
    RESULTS.parent.mkdir(exist_ok=True)
    new = not RESULTS.exists()
    with RESULTS.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, FIELDS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="of rounds per case")
    parser.add_argument("--only", nargs="*", default=[], help="cases whose name holds one of these")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)
    threadpool_limits(1)
    if device.type == "cpu":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    name, found, rows = device_name(device), [], []

    def keep(new: list[dict[str, Any]]) -> None:
        dated = [{"device": name, "torch": torch.__version__} | row for row in new]
        append(dated)
        rows.extend(dated)

    for case in GPU if device.type == "cuda" else CPU:
        if arguments.only and not any(part in case.name for part in arguments.only):
            continue
        torch.compiler.reset()
        found.append(measure(case, arguments.seconds, device))
        keep(rows_of(found[-1], name))
        each = ratios(found[-1], found[-1]["peer"])
        low, middle, high = statistics.quantiles(each, n=4)
        print(
            f"{case.name}: {middle:.2f} (quartiles {low:.2f} to {high:.2f}, ends {min(each):.2f} to {max(each):.2f}, "
            f"{len(each)} rounds) x {found[-1]['peer']}; load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
    if device.type == "cpu":
        keep([{"figure": figure, "value": value} for figure, value in summary(found).items()])
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows} | summary(found), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
