"""Proxies on a GPU: the numbers of the CPU within fp32, the same bits twice, and dead runs apart."""

import pytest
import torch

from midmix.kernels.linear_cross_entropy import linear_cross_entropy, linear_cross_entropy_reference
from midmix.proxy_train.batch import pick_device
from midmix.proxy_train.model import Models
from midmix.proxy_train.pool import Feed
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.swarm import Recipe, Swarm

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


def test_losses_are_those_of_the_cpu() -> None:
    assert (_losses(_swarm(pick_device())) - _losses(_swarm(torch.device("cpu")))).abs().max() < 2e-3


def test_two_runs_are_bitwise_equal() -> None:
    first, second = _swarm(pick_device()), _swarm(pick_device())
    assert torch.equal(_losses(first), _losses(second))
    assert torch.equal(first.models.rows_MP, second.models.rows_MP)


def test_a_dead_run_leaves_its_neighbours_bitwise_alone() -> None:
    clean, dirty = _swarm(pick_device()), _swarm(pick_device())
    with torch.no_grad():
        dirty.models.rows_MP[1, 3] = torch.nan
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
