import numpy as np
import pytest
import torch

from midmix.proxy_train.model import Models
from midmix.proxy_train.pool import Feed
from midmix.proxy_train.recipe import Recipe
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.swarm import Swarm
from midmix.proxy_train.texts import Text, Window

SHAPE = Shape(layers=2, width=16, feed_forward=24, heads=2, vocabulary=50)
LENGTH, SEQUENCES, STEPS = 12, 2, 40
RATES = (3e-3, 1.2e-2, 6e-3, 9e-3)


def _swarm(models: list[int], dtype: torch.dtype = torch.float32, *, rates: tuple[float, ...] = RATES) -> Swarm:
    """A batch of some of four runs that differ in text, learning rate and (the last) seed."""
    generator = torch.Generator().manual_seed(0)
    blocks = (torch.rand(60, LENGTH + 1, generator=generator) ** 3 * 50).to(torch.int32)
    rows = torch.randint(60, (4, STEPS * SEQUENCES), generator=generator)
    recipe = Recipe(
        steps=STEPS,
        learning_rates=tuple(rates[m] for m in models),
        clips=(1.0,) * len(models),
        warmup_fraction=0.1,
        decay_fraction=0.5,
        weight_decay=0.1,
    )
    start = Models.start(SHAPE, [(7, 7, 7, 8)[m] for m in models], device=torch.device("cpu"), dtype=dtype)
    return Swarm(start, Feed(blocks=blocks, rows_MS=rows[models], batch_sequences=SEQUENCES), recipe)


def _losses(swarm: Swarm) -> torch.Tensor:
    return torch.stack([swarm.advance() for _ in range(STEPS)])


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_a_batch_equals_training_one_by_one(dtype: torch.dtype, tolerance: float) -> None:
    together = _swarm([0, 1, 2, 3], dtype)
    losses = _losses(together)
    for m in range(4):
        alone = _swarm([m], dtype)
        assert (losses[:, [m]] - _losses(alone)).abs().max() < tolerance
        assert (together.models.rows_MP[[m]] - alone.models.rows_MP).abs().max() < 100 * tolerance
    assert (losses[0] - losses[-1] > 0.1).all()


def test_a_model_is_bitwise_the_same_in_any_batch() -> None:
    together = _swarm([0, 1, 2, 3])
    _losses(together)
    for models in ([3, 0], [2]):
        other = _swarm(models)
        _losses(other)
        assert torch.equal(together.models.rows_MP[models], other.models.rows_MP)


def test_the_native_form_trains_as_autograd_does() -> None:
    # forty steps of fp32 on a CPU beside float64 through torch
    native, exact = _swarm([0, 1, 2, 3]), _swarm([0, 1, 2, 3], torch.float64)
    assert (_losses(native) - _losses(exact)).abs().max() < 1e-5


def test_two_runs_are_bitwise_equal() -> None:
    first, second = _swarm([0, 1, 2, 3]), _swarm([0, 1, 2, 3])
    assert torch.equal(_losses(first), _losses(second))
    assert torch.equal(first.models.rows_MP, second.models.rows_MP)


def test_a_run_that_diverges_is_null_and_its_neighbours_are_bitwise_the_same() -> None:
    clean, dirty = _swarm([0, 1, 2]), _swarm([0, 1, 2])
    for step in range(STEPS):
        clean.advance()
        if step == 10:
            with torch.no_grad():
                dirty.models.rows_MP[1, 5] = torch.nan
        dirty.advance()
    assert torch.equal(clean.models.rows_MP[[0, 2]], dirty.models.rows_MP[[0, 2]])
    text = Text("domain:a", (Window(np.arange(9), 0),), 30)
    measured = dirty.measure([text]).nats_MX
    assert np.isnan(measured[1]).all()
    assert np.array_equal(measured[[0, 2]], clean.measure([text]).nats_MX[[0, 2]])


def test_a_rate_of_zero_freezes_its_model_alone() -> None:
    swarm = _swarm([0, 1], rates=(0.0, 1e-2, 0.0, 0.0))
    before = swarm.models.rows_MP.clone()
    _losses(swarm)
    assert torch.equal(swarm.models.rows_MP[0], before[0])
    assert not torch.equal(swarm.models.rows_MP[1], before[1])
