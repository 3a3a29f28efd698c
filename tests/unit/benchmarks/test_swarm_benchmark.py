"""`benchmarks/swarm.py` and its peers: the peers train the same models, and the figures are what they say."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from midmix.proxy_train.model import Models
from midmix.proxy_train.pool import Feed
from midmix.proxy_train.recipe import Recipe
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.swarm import Swarm

FOLDER = Path(__file__).parents[3] / "benchmarks"
CPU = torch.device("cpu")
SHAPE = Shape(layers=2, width=16, feed_forward=24, heads=2, vocabulary=50)


@pytest.fixture(scope="module")
def bench() -> Iterator[dict[str, ModuleType]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield {name: importlib.import_module(name) for name in ("swarm", "swarm_peers")}


def test_every_peer_trains_as_the_batch_does(bench: dict[str, ModuleType]) -> None:
    peers = bench["swarm_peers"]
    blocks = torch.randint(50, (8, 13), generator=torch.Generator().manual_seed(0), dtype=torch.int32)
    feed = Feed(blocks=blocks, rows_MS=torch.arange(8)[None].repeat(1, 2), batch_sequences=2)
    recipe = Recipe(
        steps=8, learning_rates=(peers.RATE,), clips=(peers.CLIP,), warmup_fraction=0.0, decay_fraction=0.0,
        weight_decay=peers.WEIGHT_DECAY,
    )  # fmt: skip
    swarm = Swarm(Models.start(SHAPE, [0], device=CPU), feed, recipe)
    loss = peers.loss_function(SHAPE)
    forms = [
        peers.Separate(SHAPE, 12, loss, CPU),
        peers.Separate(SHAPE, 12, loss, CPU, read_loss=True),
        peers.Whole(SHAPE, 12, peers.whole_step(SHAPE, loss), CPU),
    ]
    for step in range(8):
        tokens, targets = (x[0].contiguous() for x in feed.batch(step))
        ours = float(swarm.advance()[0])
        assert [float(form(tokens, targets)) for form in forms] == pytest.approx([ours] * 3, abs=2e-5)


def test_figures_take_the_stronger_compiled_peer_and_the_worst_large_case(bench: dict[str, ModuleType]) -> None:
    swarm = bench["swarm"]

    def found(shape: str, length: int, peer_seconds: list[float]) -> dict[str, object]:
        times = {"batch": [1.0, 1.0, 1.0], "compiled_whole": peer_seconds}
        return {"case": swarm.Case(shape, 1, length), "times": times, "peer": "compiled_whole"}

    every = [found("nano", 32, [2.0, 3.0, 2.5]), found("nano", 128, [1.5, 1.4, 1.6]), found("1M", 64, [1.2, 1.1, 1.0])]
    assert swarm.summary(every) == {"cpu_batched_over_compiled_32": 2.5, "cpu_batched_over_compiled_large": 1.1}
    assert swarm.summary(every[:1]) == {"cpu_batched_over_compiled_32": 2.5}


def test_operations_of_a_step_are_six_a_weight_and_token_and_those_of_attention(bench: dict[str, ModuleType]) -> None:
    swarm = bench["swarm"]
    weights = 512 * 64 + 2 * (64 * 192 + 64 * 64 + 64 * 256 + 128 * 64)
    assert swarm.flops_of(swarm.Case("nano", 1, 32, 2)) == 2 * 32 * (6 * weights + 6 * 2 * 64 * 32)
