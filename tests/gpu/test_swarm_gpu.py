"""Proxies on a GPU: bfloat16 near fp32, a graph equal to its steps, the same bits twice, and dead runs apart."""

from collections.abc import Iterator

import pytest
import torch

from midmix.kernels.linear_cross_entropy import linear_cross_entropy, linear_cross_entropy_reference
from midmix.proxy_train.device import held_device
from midmix.proxy_train.model import Models
from midmix.proxy_train.pool import Feed
from midmix.proxy_train.recipe import Recipe
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.swarm import Swarm

pytestmark = pytest.mark.gpu

SHAPE = Shape(layers=2, width=64, feed_forward=128, heads=2, vocabulary=500)


def _swarm(device: torch.device, steps: int = 20) -> Swarm:
    generator = torch.Generator().manual_seed(0)
    blocks = (torch.rand(50, 65, generator=generator) ** 3 * 500).to(torch.int32)
    rows = torch.randint(50, (4, steps * 2), generator=generator)
    recipe = Recipe(
        steps=steps,
        learning_rates=(1e-3, 2e-3, 4e-3, 1e-3),
        clips=(1.0,) * 4,
        warmup_fraction=0.1,
        decay_fraction=0.5,
        weight_decay=0.1,
    )
    feed = Feed(blocks=blocks.to(device), rows_MS=rows.to(device), batch_sequences=2)
    return Swarm(Models.start(SHAPE, [1, 1, 2, 2], device=device), feed, recipe)


def _losses(swarm: Swarm) -> torch.Tensor:
    return torch.stack([swarm.advance() for _ in range(swarm.recipe.steps)]).cpu()


@pytest.fixture(scope="module")
def gpu() -> Iterator[torch.device]:
    """A device of this process, set to repeat itself."""
    with held_device() as device:
        yield device


def test_losses_in_bfloat16_are_near_those_of_fp32(gpu: torch.device) -> None:
    gap = (_losses(_swarm(gpu)) - _losses(_swarm(torch.device("cpu")))).abs()
    assert gap.max() < 2e-2


def test_a_replayed_graph_equals_the_steps_it_holds(gpu: torch.device) -> None:
    replayed, stepped = _swarm(gpu), _swarm(gpu)
    losses = []
    for step in range(stepped.recipe.steps):
        stepped._at.fill_(step)
        stepped._advance()
        losses.append(stepped._losses_M.clone())
    assert torch.equal(_losses(replayed), torch.stack(losses).cpu())
    assert torch.equal(replayed.models.rows_MP, stepped.models.rows_MP)


def test_two_runs_are_bitwise_equal(gpu: torch.device) -> None:
    first, second = _swarm(gpu), _swarm(gpu)
    assert torch.equal(_losses(first), _losses(second))
    assert torch.equal(first.models.rows_MP, second.models.rows_MP)


def test_a_batch_is_near_one_by_one(gpu: torch.device) -> None:
    together, alone = _swarm(gpu), _swarm(gpu)
    alone.keep([2])
    # cuBLAS may pick another kernel for another number of models
    assert (_losses(together)[:, [2]] - _losses(alone)).abs().max() < 2e-2


def test_a_dead_run_leaves_its_neighbours_bitwise_alone(gpu: torch.device) -> None:
    clean, dirty = _swarm(gpu), _swarm(gpu)
    state = dirty.state()
    weights = state["weights"].clone()
    weights[1, 3] = torch.nan
    dirty.set_state(state | {"weights": weights})
    _losses(clean), _losses(dirty)
    assert torch.equal(clean.models.rows_MP[[0, 2, 3]], dirty.models.rows_MP[[0, 2, 3]])
    assert dirty.optimizer.alive_M.tolist() == [True, False, True, True]


def test_linear_cross_entropy_equals_full_logits() -> None:
    hidden = torch.randn(3, 70, 32, device="cuda", requires_grad=True)
    head = torch.randn(3, 301, 32, device="cuda", requires_grad=True)
    targets, weights = torch.randint(301, (3, 70), device="cuda"), torch.rand(3, 70, device="cuda")
    results = []
    for loss, nll in (
        linear_cross_entropy(hidden, head, targets, weights, block=16),
        linear_cross_entropy_reference(hidden, head, targets, weights),
    ):
        results.append((loss, nll, *torch.autograd.grad(loss.sum(), [hidden, head])))
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)
