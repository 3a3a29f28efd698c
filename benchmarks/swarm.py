"""How fast does a batch of proxies train, against the same runs one after the other?

Text is random, since speed does not depend on it. Both forms step in turn, so that other load meets both; times are
processor seconds of one thread unless --threads says otherwise. Prints a table; `--json FILE` writes the figures.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from midmix.proxy_train.model import Models
from midmix.proxy_train.pool import Feed
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.swarm import Recipe, Swarm
from midmix.proxy_train.texts import Text, Window

SHAPES = {
    "demo": Shape(layers=2, width=64, feed_forward=192, heads=2, vocabulary=2048),
    "nano": Shape(layers=2, width=64, feed_forward=128, heads=2, vocabulary=512),
}
# Sequences and tokens of a sequence of one step of one model
STEPS = ((1, 32), (1, 128), (4, 128), (16, 128))
BLOCKS = 512


def make_swarm(shape: Shape, models: int, sequences: int, length: int, device: torch.device) -> Swarm:
    """A batch of `models` proxies that is ready to step any number of times on random text."""
    generator = torch.Generator().manual_seed(0)
    blocks = torch.randint(shape.vocabulary, (BLOCKS, length + 1), generator=generator, dtype=torch.int32)
    rows = torch.randint(BLOCKS, (models, 1000 * sequences), generator=generator)
    recipe = Recipe(
        steps=1000,
        learning_rates=(1e-3,) * models,
        clips=(1.0,) * models,
        warmup_fraction=0.05,
        decay_fraction=0.5,
        weight_decay=0.1,
    )
    feed = Feed(blocks=blocks.to(device), rows_MS=rows.to(device), batch_sequences=sequences)
    return Swarm(Models.start(shape, [0] * models, device=device), feed, recipe)


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Processor seconds on a CPU, wall seconds on a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        return time.perf_counter() - start
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(
    shape: Shape, models: int, sequences: int, length: int, rounds: int, device: torch.device
) -> dict[str, float]:
    """Tokens per second of training as one batch and one by one, and of evaluation."""
    batch = make_swarm(shape, models, sequences, length, device)
    alone = [make_swarm(shape, 1, sequences, length, device) for _ in range(models)]
    ids = torch.randint(shape.vocabulary, (length + 1,)).numpy()
    text = [Text("set:random", (Window(ids, 0),) * 16, 1)]
    forms: dict[str, Callable[[], object]] = {
        "batch": batch.advance,
        "one_by_one": lambda: [swarm.advance() for swarm in alone],
        "evaluate": lambda: batch.measure(text),
    }
    times: dict[str, list[float]] = {name: [] for name in forms}
    for round_number in range(rounds + 1):
        for name, work in forms.items():
            seconds = seconds_of(work, device)
            if round_number:  # the first round allocates
                times[name].append(seconds)
    tokens = {"batch": sequences * length, "one_by_one": sequences * length, "evaluate": 16 * length}
    return {name: models * tokens[name] / statistics.median(found) for name, found in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="demo")
    parser.add_argument("--models", type=int, default=9)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or platform.machine()
    shape = SHAPES[arguments.shape]
    print(f"{shape.name}, {arguments.models} models, {name}, torch {torch.__version__}, tokens/s")
    print(f"{'tokens a step':>14}{'batch':>12}{'one by one':>12}{'ratio':>8}{'evaluate':>12}")
    rows = []
    for sequences, length in STEPS:
        speed = measure(shape, arguments.models, sequences, length, arguments.rounds, device)
        ratio = speed["batch"] / speed["one_by_one"]
        print(
            f"{sequences * length:>14}{speed['batch']:>12.0f}{speed['one_by_one']:>12.0f}{ratio:>8.2f}{speed['evaluate']:>12.0f}"
        )
        rows.append({"tokens_per_step": sequences * length, "sequences": sequences, "ratio": ratio, **speed})
    if arguments.json:
        record = {
            "shape": shape.name,
            "models": arguments.models,
            "device": name,
            "torch": torch.__version__,
            "rows": rows,
        }
        arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
